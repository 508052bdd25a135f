"""Who is tapped, and who a bare identity or address belongs to; from the inventory as it was a moment ago. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

from meshcore.client.failure import Elsewhere
from meshcore.wire import common_pb2, discovery_pb2
from meshcore.wire.ids import join
from meshcore.wire.kinds import WORKLOADS

KINDS = (*WORKLOADS, "pod", "namespace")


class TapError(Exception):
    """A tap that cannot be: what is wrong and what to do; `code` is gRPC's name for it."""

    def __init__(self, message: str, hint: str = "", *, code: str = "INVALID_ARGUMENT") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


def belongs(peer: common_pb2.Peer, target: common_pb2.Resource) -> bool:
    """Tell whether an instance is one of a resource's; what the resource leaves empty names all."""
    if target.kind == "namespace":
        return target.name in ("", peer.namespace)
    if target.namespace not in ("", peer.namespace):
        return False
    if target.kind == "pod":
        return target.name in ("", peer.pod)
    return target.kind == peer.kind and target.name in ("", peer.name)


class People:
    """The instances by identity and by address."""

    def __init__(self, pods: Iterable[discovery_pb2.Pod]) -> None:
        self._all: list[tuple[common_pb2.Peer, bool, str]] = []
        self._identities: dict[str, common_pb2.Peer | None] = {}
        self._addresses: dict[str, common_pb2.Peer] = {}
        for pod in pods:
            status = pod.status
            peer = common_pb2.Peer(
                namespace=status.namespace, kind=status.kind, name=status.name, service_account=status.service_account
            )
            if pod.identity:
                known = self._identities.setdefault(pod.identity, peer)
                if known is not None and known.name != peer.name:
                    self._identities[pod.identity] = None  # several workloads share the account
            whole = common_pb2.Peer(pod=status.pod)
            whole.MergeFrom(peer)
            self._all.append((whole, pod.meshed, pod.unmeshed_reason))
            if pod.address:
                self._addresses[pod.address] = whole
            for port in status.ports:
                self._addresses[join(port.proxy_ip or "127.0.0.1", port.port)] = whole

    def name(self, peer: common_pb2.Peer) -> None:
        """Fill in the workload of a peer that the sidecar knew by identity or address only."""
        if peer.name or peer.pod:
            return
        known = self._identities.get(peer.identity) if peer.identity else self._addresses.get(peer.address)
        if known is not None:
            peer.namespace, peer.kind, peer.name, peer.pod = known.namespace, known.kind, known.name, known.pod

    def check(self, target: common_pb2.Resource, attached: Iterable[common_pb2.Peer]) -> None:
        """Refuse a target that nothing is or that has no sidecar; raises TapError."""
        if target.kind == "service":
            raise TapError("a service cannot be tapped, only what runs behind it", f"try deployment/{target.name}")
        if target.kind not in KINDS:
            near = get_close_matches(target.kind, KINDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"kinds are {', '.join(KINDS)}"
            raise TapError(f"there is no kind of resource called {target.kind!r}", hint)
        if any(belongs(peer, target) for peer in attached):
            return
        here = [(peer, meshed, why) for peer, meshed, why in self._all if belongs(peer, target)]
        if not here:
            raise self._missing(target)
        if not any(meshed for _, meshed, _ in here):
            why = next((reason for _, _, reason in here if reason), "runs without a sidecar")
            raise TapError(
                f"{_say(target)} cannot be tapped: {why}",
                "only meshed workloads can be tapped: take away what keeps its sidecar away, and start it again",
                code="FAILED_PRECONDITION",
            )

    def _missing(self, target: common_pb2.Resource) -> TapError:
        peers = [peer for peer, _, _ in self._all]
        spaces = sorted({peer.namespace for peer in peers})
        space = target.name if target.kind == "namespace" else target.namespace
        if space and space not in spaces:
            near = get_close_matches(space, spaces, 1)
            hint = f"did you mean {near[0]}?" if near else f"namespaces are {', '.join(spaces) or 'none yet'}"
            return TapError(f"there is no namespace {space}", Elsewhere(hint), code="NOT_FOUND")
        here = [peer for peer in peers if target.namespace in ("", peer.namespace)]
        bearers = {peer.pod if target.kind == "pod" else peer.name for peer in here}
        if target.kind != "pod":
            bearers = {peer.name for peer in here if peer.kind == target.kind}
        near = get_close_matches(target.name, sorted(bearers), 1)
        return TapError(f"there is no {_say(target)}", f"did you mean {near[0]}?" if near else "", code="NOT_FOUND")


def _say(target: common_pb2.Resource) -> str:
    if target.kind == "namespace":
        return f"namespace {target.name}"
    where = f" in namespace {target.namespace}" if target.namespace else ""
    return f"{target.kind} {target.name}{where}" if target.name else f"{target.kind}{where}"
