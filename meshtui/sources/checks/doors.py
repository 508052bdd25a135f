"""How the API server reaches the mesh: two webhooks and one APIService, each with the CA to know it by; pure.

A mesh of one namespace has none of them: people reach it over a port that the API server forwards.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography import x509

from meshcore.inject.names import ANCHORS_MAP
from meshcore.kube.needs import INJECTOR, OBSERVE, VALIDATOR
from meshcore.kube.objects import API_SERVICES, CONFIG_MAPS, MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS
from meshcore.wire.control_pb2 import CheckItem
from meshtui.model.check import bad, good, judge
from meshtui.sources.checks.facts import Facts, Place, absent, unseen
from meshtui.sources.checks.trust import anchors_of

_WORK = {INJECTOR: "no new pod gets a sidecar", VALIDATOR: "wrong objects of the mesh's kinds are let in"}
_PUBLISH = (
    "the control plane writes it within 30 s while it runs and may: "
    "`kubectl logs -n {mesh} deploy/meshtui-controller` tells why not"
)


def places() -> list[Place]:
    """Return the objects that these checks look at."""
    return [(MUTATING_WEBHOOKS, "", INJECTOR), (VALIDATING_WEBHOOKS, "", VALIDATOR), (API_SERVICES, "", OBSERVE)]


def webhooks(facts: Facts) -> Iterator[CheckItem]:
    """Both webhooks are configured, and their CA is the mesh's."""
    for kind, name in ((MUTATING_WEBHOOKS, INJECTOR), (VALIDATING_WEBHOOKS, VALIDATOR)):
        seen = facts.see(kind, name)
        what = f"{kind.kind} {name} exists"
        item = absent(what, seen, f"it does not exist: {_WORK[name]}", facts.repair)
        yield item or good(what)
        if item is None:
            hooks = (seen.value or {}).get("webhooks") or ()
            bundles = [(hook.get("clientConfig") or {}).get("caBundle") for hook in hooks]
            yield _known(facts, name, bundles or [None])


def apiservice(facts: Facts) -> Iterator[CheckItem]:
    """The aggregated API is registered, reached, and answers."""
    seen = facts.see(API_SERVICES, OBSERVE)
    what = f"APIService {OBSERVE} exists"
    item = absent(what, seen, "it does not exist: nobody can look at the mesh", facts.repair)
    yield item or good(what)
    if item is None:
        yield _available(seen.value or {}, facts.mesh)
        yield _known(facts, OBSERVE, [((seen.value or {}).get("spec") or {}).get("caBundle")])
    skewed = facts.hello.failure is not None and facts.hello.failure.code == "version"  # said with the versions
    if not seen.absent:
        what = "the control plane answers through the API server"
        yield (None if skewed else unseen(what, facts.hello)) or good(what)


def forwarded(facts: Facts) -> Iterator[CheckItem]:
    """The control plane of one namespace answers over a forwarded port."""
    skewed = facts.hello.failure is not None and facts.hello.failure.code == "version"  # said with the versions
    what = "the control plane answers over a forwarded port"
    error = "" if facts.hello.value is not None or skewed else "no pod of it runs"
    hint = f"`kubectl get pods -n {facts.mesh}` shows whether the control plane runs"
    yield (None if skewed else unseen(what, facts.hello)) or judge(what, error, hint)


def _available(service: Mapping[str, Any], mesh: str) -> CheckItem:
    what = "it is available"
    conditions = (service.get("status") or {}).get("conditions") or ()
    found = next((each for each in conditions if each.get("type") == "Available"), None)
    if found is not None and found.get("status") == "True":
        return good(what)
    error = "the API server has not looked yet" if found is None else f"{found.get('reason')}: {found.get('message')}"
    hint = (
        f"`kubectl get pods -n {mesh}` shows whether the control plane runs; if it does, a network policy or a "
        "firewall keeps the API server from its port 8443"
    )
    return bad(what, " ".join(error.split()), hint)


def _known(facts: Facts, name: str, bundles: list[str | None]) -> CheckItem:
    """Return whether CA bundles hold the anchors of now: the webhooks' certificate is issued under them."""
    what = f"{name} knows the mesh by its CA"
    hint = _PUBLISH.format(mesh=facts.mesh)
    try:
        held = [set(x509.load_pem_x509_certificates(base64.b64decode(each or ""))) for each in bundles]
    except (ValueError, binascii.Error):
        empty = not all(bundles)
        return bad(what, "its caBundle is empty" if empty else "its caBundle cannot be read", hint)
    seen = facts.see(CONFIG_MAPS, ANCHORS_MAP, facts.mesh)
    try:
        anchors = set(anchors_of(seen.value))
    except ValueError:
        return unseen(what, seen) or bad(what, "there are no trust anchors to compare it with", hint)
    wrong = any(not anchors <= each for each in held)
    return judge(what, "its caBundle is another than the trust anchors" if wrong else "", hint)
