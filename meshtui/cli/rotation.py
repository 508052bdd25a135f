"""How a trust anchor is replaced without a failed request: the steps, and which is next for a cluster as it is; pure.

First everybody trusts both anchors, then the new one signs, then the old one goes. Each step waits until nobody needs
what it takes away. cli/identity asks the cluster, and prints what is decided here.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509

from meshcore.inject.names import TRUST_ROOT, TRUST_VOLUME, WORKLOAD_KIND, WORKLOAD_NAME
from meshcore.kube.authority import given
from meshcore.kube.objects import CONFIG_MAPS, SECRETS, annotations_of, key_of, labels_of
from meshcore.pki.authority import create_anchor, create_issuer, key_pem, pem, signed_by, utc
from meshcore.wire.discovery_pb2 import Pod

BOTH, ISSUER, NEW = "1-both-anchors.yaml", "2-new-issuer.yaml", "3-new-anchor.yaml"
APPLY = "kubectl apply --server-side --force-conflicts -f"


@dataclass(frozen=True, slots=True)
class State:
    """What is in force: the bundle, what signs, sidecars as they report, pods as they were injected."""

    anchors: Sequence[x509.Certificate]
    issuer: x509.Certificate
    sidecars: Sequence[Pod]
    injected: Sequence[Any] | None  # None: not to be seen

    @property
    def signer(self) -> x509.Certificate | None:
        """The anchor that the issuer is under."""
        return next((anchor for anchor in self.anchors if signed_by(self.issuer, anchor)), None)

    @property
    def newest(self) -> x509.Certificate:
        return max(self.anchors, key=lambda anchor: anchor.not_valid_before_utc)

    @property
    def step(self) -> int:
        """Which step is next."""
        if len(self.anchors) < 2:
            return 1
        return 2 if self.signer is None or self.signer != self.newest else 3

    def behind(self) -> list[Pod]:
        """Return the connected sidecars whose certificate another issuer has signed, or an unknown one."""
        serial = f"{self.issuer.serial_number:x}"
        return [pod for pod in self.sidecars if pod.meshed and pod.uplink and pod.proxy.cert_issuer != serial]

    def away(self) -> list[Pod]:
        """Return the sidecars that are not connected: they hear of no anchor."""
        return [pod for pod in self.sidecars if pod.meshed and pod.status.ready and not pod.uplink]

    def outdated(self) -> list[Any]:
        """Return the pods that were injected before the newest anchor was in the bundle, and keep none that is told."""
        bundle = "".join(pem(anchor).decode() for anchor in self.anchors)
        known = {digest(bundle), digest(pem(self.newest).decode())}
        return [
            pod for pod in self.injected or () if annotations_of(pod).get(TRUST_ROOT) not in known and not keeps(pod)
        ]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it does, its commands, and what has to be waited for before it."""

    title: str
    commands: Sequence[str]
    first: Sequence[str] = field(default=())


def digest(bundle: str) -> str:
    """Return how a pod's annotation names the anchors that it was injected with."""
    return hashlib.sha256(bundle.encode()).hexdigest()


def keeps(pod: Any) -> bool:
    """Tell whether a pod's sidecar keeps the bundle that it is told for its next start."""
    return any(volume.get("name") == TRUST_VOLUME for volume in (pod.get("spec") or {}).get("volumes") or ())


def files(namespace: str, state: State, now: float) -> dict[str, list[dict[str, Any]]]:
    """Return the objects of each step's file: a new anchor, whose key is kept by nobody, and an issuer under it."""
    anchor, anchor_key = create_anchor(namespace, utc(now))
    issuer, key = create_issuer(namespace, anchor, anchor_key, utc(now))
    old = b"".join(pem(each) for each in state.anchors)
    bundle = dict(given(namespace, old + pem(anchor), pem(issuer), key_pem(key)))
    alone = dict(given(namespace, pem(anchor), pem(issuer), key_pem(key)))
    return {BOTH: [bundle[CONFIG_MAPS]], ISSUER: [bundle[SECRETS]], NEW: [alone[CONFIG_MAPS], alone[SECRETS]]}


def steps(state: State, folder: Path) -> list[Step]:
    """Return the three steps; what has to be waited for is said of the one that is next."""
    return [
        Step("everybody trusts the old anchor and the new one", [f"{APPLY} {folder / BOTH}"]),
        Step(
            "an issuer under the new anchor signs; sidecars renew their certificates within a minute",
            [f"{APPLY} {folder / ISSUER}"],
            [f"{name(pod)} is not connected and has not heard of the new anchor" for pod in state.away()]
            if state.step == 2
            else [],
        ),
        Step(
            "the old anchor is trusted no more",
            [f"{APPLY} {folder / NEW}"],
            _before_the_last(state) if state.step == 3 else [],
        ),
    ]


def _before_the_last(state: State) -> list[str]:
    found = [f"{name(pod)} still has a certificate of {_signer(pod)}: it renews it by itself" for pod in state.behind()]
    found += [f"{name(pod)} is not connected: its certificate may be of the old issuer" for pod in state.away()]
    restarts = sorted(set(map(_restart, state.outdated())))
    found += [f"injected with the old anchor only, and could not start its sidecar again: {each}" for each in restarts]
    if state.injected is None:
        found.append("which pods were injected with the old anchor only cannot be seen: needs list pods")
    return found


def _signer(pod: Pod) -> str:
    return f"issuer {pod.proxy.cert_issuer}" if pod.proxy.cert_issuer else "an unknown issuer (an older sidecar)"


def _restart(pod: Any) -> str:
    namespace, own = key_of(pod)
    labels = labels_of(pod)
    kind, workload = labels.get(WORKLOAD_KIND, ""), labels.get(WORKLOAD_NAME, "")
    if kind.lower() in ("deployment", "statefulset", "daemonset"):
        return f"kubectl rollout restart {kind.lower()}/{workload} -n {namespace}"
    return f"kubectl delete pod {own} -n {namespace}"


def name(pod: Pod) -> str:
    """Return how a person names a pod."""
    return f"{pod.status.namespace}/{pod.status.pod}"


def text(state: State, found: Iterable[Step], namespace: str) -> str:
    """Return what a person reads."""
    lines = [f"Trust anchors of the mesh in namespace {namespace}:"]
    for anchor in state.anchors:
        marks = [
            mark
            for mark, true in (("signs the issuer", anchor == state.signer), ("newest", anchor == state.newest))
            if true
        ]
        lines.append(
            f"  {anchor.serial_number:x}  until {anchor.not_valid_after_utc:%Y-%m-%d}"
            + (f"  {', '.join(marks)}" if len(state.anchors) > 1 and marks else "")
        )
    lines.append(f"Issuer: {state.issuer.serial_number:x}  until {state.issuer.not_valid_after_utc:%Y-%m-%d}")
    connected = [pod for pod in state.sidecars if pod.meshed and pod.uplink]
    lines += [
        f"Sidecars: {len(connected) - len(state.behind())} of {len(connected)} have certificates of this issuer",
        "",
    ]
    for number, step in enumerate(found, 1):
        word = "Done" if number < state.step else "Next" if number == state.step else "Then"
        lines.append(f"{word}  {number}. {step.title}")
        lines += [f"         first: {each}" for each in step.first]
        lines += [f"         {each}" for each in step.commands]
    lines += ["", "Run `meshtui identity rotate` again after each step: it says whether the next may be taken."]
    return "\n".join(lines)
