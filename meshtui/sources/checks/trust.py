"""The mesh's authority: the anchors that everybody has, the issuer under them; pure.

The Secret is for few eyes: who may not read it is told so, and the control plane's own checks speak of the issuer.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from meshcore.inject.names import ANCHORS_KEY, ANCHORS_MAP, CONFIG_KEY, CONFIG_MAP, ISSUER_SECRET
from meshcore.inject.settings import SettingsError, read
from meshcore.kube.objects import CONFIG_MAPS, SECRETS
from meshcore.pki.authority import signed_by
from meshcore.wire.control_pb2 import CheckItem
from meshtui.model.check import bad, good, judge, warn
from meshtui.sources.checks.facts import ACCOUNT, Facts, Place, absent

LEFT = timedelta(days=60)
ROTATE = "`meshtui identity rotate` prints the steps to a new one"


def places(mesh: str) -> list[Place]:
    """Return the objects that these checks look at."""
    return [(CONFIG_MAPS, mesh, ANCHORS_MAP), (SECRETS, mesh, ISSUER_SECRET)]


def anchors_of(bundle: Mapping[str, Any] | None) -> list[x509.Certificate]:
    """Return the anchors that a ConfigMap holds; raises ValueError."""
    text = str(((bundle or {}).get("data") or {}).get(ANCHORS_KEY) or "")
    return x509.load_pem_x509_certificates(text.encode())


def part_of(secret: Mapping[str, Any] | None, *names: str) -> bytes:
    """Return the first of a Secret's parts that is there; raises ValueError for none."""
    data = (secret or {}).get("data") or {}
    for name in names:
        if data.get(name):
            try:
                return base64.b64decode(data[name], validate=True)
            except binascii.Error:
                raise ValueError(f"{name} is not base64") from None
    raise ValueError(f"it has no {' or '.join(names)}")


def issuer_of(secret: Mapping[str, Any] | None) -> x509.Certificate:
    """Return the issuer's certificate that a Secret holds; raises ValueError."""
    return x509.load_pem_x509_certificate(part_of(secret, "issuer.pem", "tls.crt"))


def authority(facts: Facts) -> Iterator[CheckItem]:
    """Yield the category; without anchors nothing more can be said."""
    now = facts.now
    seen = facts.see(CONFIG_MAPS, ANCHORS_MAP, facts.mesh)
    what = f"ConfigMap {ANCHORS_MAP} holds the trust anchors"
    item = absent(what, seen, "it does not exist", _lost(facts))
    anchors: list[x509.Certificate] = []
    if item is None:
        try:
            anchors = anchors_of(seen.value)
        except ValueError as problem:
            item = bad(what, f"they cannot be read: {_line(problem)}", _lost(facts))
    yield item or good(f"{what} ({len(anchors)})")
    if anchors:
        ended = [each for each in anchors if not each.not_valid_before_utc <= now < each.not_valid_after_utc]
        error = f"{len(ended)} of {len(anchors)} are not valid at {now:%Y-%m-%d %H:%M} UTC" if ended else ""
        yield judge("the trust anchors are valid", error, ROTATE)
        last = max(each.not_valid_after_utc for each in anchors)
        error = f"the last one ends on {last:%Y-%m-%d}" if last - now < LEFT else ""
        yield warn("the trust anchors are valid for at least 60 days", error, ROTATE)
    yield from _issuer(facts, anchors)


def _issuer(facts: Facts, anchors: Sequence[x509.Certificate]) -> Iterator[CheckItem]:
    now = facts.now
    seen = facts.see(SECRETS, ISSUER_SECRET, facts.mesh)
    what = f"Secret {ISSUER_SECRET} holds the issuer"
    again = f"put a good issuer into Secret {facts.mesh}/{ISSUER_SECRET}, it is taken up at once; {ROTATE}"
    item = absent(what, seen, "it does not exist", _gone(facts))
    if item is not None:
        yield item
        return
    try:
        issuer = issuer_of(seen.value)
        key = serialization.load_pem_private_key(part_of(seen.value, "issuer.key", "tls.key"), password=None)
        same = key.public_key() == issuer.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        yield bad(what, f"it cannot be read: {_line(problem)}", again)
        return
    yield judge(what, "" if same else "the key does not belong to the certificate", again)
    start, end = issuer.not_valid_before_utc, issuer.not_valid_after_utc
    error = "" if start <= now < end else f"it is valid from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    yield judge("the issuer's certificate is valid", error, again)
    if not error:
        near = f"it ends on {end:%Y-%m-%d}" if end - now < LEFT else ""
        yield warn("the issuer's certificate is valid for at least 60 days", near, ROTATE)
    if anchors:
        chains = any(signed_by(issuer, anchor) for anchor in anchors)
        yield judge("the issuer is signed by a trust anchor", "" if chains else "by none of the bundle's", again)


def _lost(facts: Facts) -> str:
    mesh = facts.mesh
    if facts.see(SECRETS, ISSUER_SECRET, mesh).absent and not _external(facts):
        return f"put both back from a copy: `kubectl apply -f FILE`; without one, begin anew: {_anew(mesh)}"
    return (
        f"put the anchors back: `kubectl create configmap {ANCHORS_MAP} -n {mesh} --from-file={ANCHORS_KEY}=FILE`; "
        f"Secret {ISSUER_SECRET} has a copy in {ANCHORS_KEY}, unless cert-manager made it"
    )


def _gone(facts: Facts) -> str:
    """Return what to do about an issuer that is not there: one that is made anew is under another anchor."""
    mesh = facts.mesh
    if _external(facts):
        return (
            f"have cert-manager make it (`kubectl describe certificates.cert-manager.io -n {mesh}`): secretName "
            f"{ISSUER_SECRET}, isCA, an ECDSA key; it is taken up at once"
        )
    if facts.see(CONFIG_MAPS, ANCHORS_MAP, mesh).absent:
        return f"put both back from a copy: `kubectl apply -f FILE`; without one, begin anew: {_anew(mesh)}"
    return (
        "put it back from a copy, it is taken up at once: `kubectl apply -f FILE`; without one, begin anew: "
        f"`kubectl delete configmap {ANCHORS_MAP} -n {mesh}`, then {_anew(mesh)}"
    )


def _anew(mesh: str) -> str:
    return (
        f"`kubectl rollout restart deployment {ACCOUNT} -n {mesh}` makes a new authority, which pods trust once "
        "they are restarted"
    )


def _external(facts: Facts) -> bool:
    """Tell whether the settings leave the issuer to somebody else; those that cannot be read leave it to us."""
    config = facts.see(CONFIG_MAPS, CONFIG_MAP, facts.mesh).value
    try:
        return read(((config or {}).get("data") or {}).get(CONFIG_KEY, "")).identity.external
    except SettingsError:
        return False


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
