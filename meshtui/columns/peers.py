"""How an end of a connection is named: by its workload where one is known, else by what is known."""

from typing import Any

from meshcore.wire.common_pb2 import Direction, Peer, Protocol, Tls
from meshcore.wire.kinds import parse_kind
from meshtui.model.cell import Cell, Level

TLS_WORDS = {Tls.TLS_MUTUAL: "mutual", Tls.TLS_NONE: "none", Tls.TLS_OPAQUE: "opaque", Tls.TLS_UNKNOWN: "unknown"}
DIRECTIONS = {Direction.INBOUND: "INBOUND", Direction.OUTBOUND: "OUTBOUND"}
PROTOCOLS = {
    Protocol.HTTP1: "http/1.1",
    Protocol.HTTP2: "http/2",
    Protocol.GRPC: "grpc",
    Protocol.TCP: "tcp",
    Protocol.TLS_PASSTHROUGH: "tls",
}
SECURED = "√"


def name(peer: Peer, *, pod: bool = False) -> str:
    """Return the shortest true name: pod, workload, identity's account, address, or `unknown`."""
    if pod and peer.pod:
        return str(peer.pod)
    return str(peer.name or peer.pod or identity(peer) or peer.address or "unknown")


def identity(peer: Peer) -> str:
    """Return the proven identity as `account.namespace`, as `linkerd viz edges` shortens it; empty if none."""
    parts = peer.identity.split("/")
    return f"{parts[6]}.{parts[4]}" if len(parts) == 7 else str(peer.identity)


def security(tls: int, reasons: list[str]) -> Cell:
    """Return the cell that says whether a hop is secured; what nobody knows is never shown as secured."""
    if tls == Tls.TLS_MUTUAL:
        return Cell(SECURED, Level.GOOD)
    if tls == Tls.TLS_OPAQUE:
        return Cell("opaque TLS", Level.WARN)
    if tls == Tls.TLS_NONE:
        return Cell("× " + (", ".join(reason.replace("_", " ") for reason in reasons) or "plain text"), Level.BAD)
    return Cell("? unknown", Level.WARN)


def kind(word: str) -> str:
    """Return the short kubectl name of a canonical kind, e.g. `deploy`."""
    found = parse_kind(word)
    return found.short[0] if found and found.short else word


def record(peer: Peer) -> dict[str, Any]:
    """Return a peer for JSON; parts that nobody knows are left out."""
    fields = {
        "namespace": peer.namespace,
        "kind": peer.kind,
        "name": peer.name,
        "pod": peer.pod,
        "serviceAccount": peer.service_account,
        "identity": peer.identity,
        "address": peer.address,
    }
    return {key: value for key, value in fields.items() if value}
