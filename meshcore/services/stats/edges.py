"""Edges: who talked to whom in a window, joined from what both ends reported. Pure.

The client's sidecar reports a pair as outbound, the server's as inbound; together they are one Edge with what was
sent, what was received, and the identity that each proved to the other. Ends without a workload are shown by the
name or address they were reached at, and traffic whose encryption nobody knows is never counted as secured.
"""

from dataclasses import dataclass, field

from meshcore.services.stats.numbers import Sum
from meshcore.services.stats.query import QueryError, check_kind, frame
from meshcore.services.stats.rollup import Edge, End, Rollup
from meshcore.services.stats.roster import Roster, place_of
from meshcore.wire import common_pb2, stats_pb2

_WORST_FIRST = (common_pb2.TLS_NONE, common_pb2.TLS_OPAQUE, common_pb2.TLS_UNKNOWN, common_pb2.TLS_MUTUAL)


@dataclass(slots=True)
class Side:
    """One end's view of a pair."""

    sum: Sum = field(default_factory=Sum)
    weight: int = 0  # requests and connections
    secured: int = 0  # of those, under mutual TLS


@dataclass(slots=True)
class Pair:
    """Both ends' views of a pair, while they are being added up."""

    sent: Side = field(default_factory=Side)
    received: Side = field(default_factory=Side)
    tls: set[common_pb2.Tls.ValueType] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)
    protocols: set[common_pb2.Protocol.ValueType] = field(default_factory=set)
    src_identities: set[str] = field(default_factory=set)
    dst_identities: set[str] = field(default_factory=set)
    src_claims: set[str] = field(default_factory=set)
    dst_claims: set[str] = field(default_factory=set)

    def add(self, edge: Edge, side: Side, requests: int, connections: int) -> None:
        """Note how one reporter's part of the pair travelled."""
        name = edge.name
        weight = requests + connections
        side.weight += weight
        self.tls.add(name.tls)
        if name.tls == common_pb2.TLS_MUTUAL:
            side.secured += weight
            outbound = name.direction == common_pb2.OUTBOUND
            proven, claims = (
                (self.dst_identities, self.src_claims) if outbound else (self.src_identities, self.dst_claims)
            )
            proven.add(name.peer.identity)
            claims.add(name.reporter.identity)
        elif name.no_tls_reason:
            self.reasons.add(name.no_tls_reason)
        if connections and not requests and not edge.lines:
            opaque = name.tls == common_pb2.TLS_OPAQUE
            self.protocols.add(common_pb2.TLS_PASSTHROUGH if opaque else common_pb2.TCP)


def edges(
    rollup: Rollup, roster: Roster, request: stats_pb2.EdgesRequest, watermark: int, now_ms: int
) -> stats_pb2.EdgesResponse:
    """Answer an EdgesRequest; raises QueryError if it makes no sense."""
    kind = request.kind or "deployment"
    check_kind(kind)
    if kind == "service":
        raise QueryError("edges are between workloads, not services", "ask for deployment, pod or namespace")
    of = frame(rollup.ring, request.window, watermark)
    pairs: dict[tuple[End, End], Pair] = {}
    for edge in rollup.edges.values():
        outbound = edge.name.direction == common_pb2.OUTBOUND
        reporter, peer = _show(edge.name.reporter, kind), _peer(edge, roster, kind)
        src, dst = (reporter, peer) if outbound else (peer, reporter)
        if not _wanted(src, dst, kind, request):
            continue
        part = Sum()
        requests = 0
        protocols = set()
        for line in edge.lines.values():
            count = part.add_line(line, of.tiles)
            if count:
                requests += count
                protocols.add(line.name.protocol)
        connections = part.add_flow(edge, of.tiles, of.end)
        if not requests and not part.tcp:
            continue
        pair = pairs.setdefault((src, dst), Pair())
        side = pair.sent if outbound else pair.received
        _merge(side.sum, part)
        pair.protocols |= protocols - {common_pb2.PROTOCOL_UNKNOWN}
        pair.add(edge, side, requests, connections)
    answer = stats_pb2.EdgesResponse(time_ms=now_ms, window=of.window(), covered_ms=of.covered * 1000)
    for (src, dst), pair in sorted(pairs.items(), key=lambda item: item[0]):
        answer.edges.append(_edge(src, dst, pair, roster, kind, of.seconds))
    return answer


def _edge(src: End, dst: End, pair: Pair, roster: Roster, kind: str, seconds: int) -> stats_pb2.Edge:
    shares = [side.secured / side.weight for side in (pair.sent, pair.received) if side.weight]
    tls = next((one for one in _WORST_FIRST if one in pair.tls), common_pb2.TLS_UNKNOWN)
    tcp = pair.sent.sum if pair.sent.sum.tcp else pair.received.sum
    return stats_pb2.Edge(
        src=_wire(src, pair.src_identities or pair.src_claims),
        dst=_wire(dst, pair.dst_identities or pair.dst_claims),
        sent=pair.sent.sum.http(seconds),
        received=pair.received.sum.http(seconds),
        tcp=tcp.connections(seconds),
        secured=min(shares, default=float(pair.tls == {common_pb2.TLS_MUTUAL})),
        tls=tls,
        no_tls_reasons=sorted(pair.reasons),
        protocols=sorted(pair.protocols),
        src_meshed=pair.sent.weight > 0 or _meshed(src, roster, kind),
        dst_meshed=pair.received.weight > 0 or _meshed(dst, roster, kind),
    )


def _show(end: End, kind: str) -> End:
    """Return an end as it is told apart from others at a kind: by namespace, workload, or pod."""
    if kind == "namespace":
        return End(kind="namespace", name=end.namespace)
    pod = end.pod if kind == "pod" else ""
    return End(end.namespace, end.kind, end.name, pod)


def _peer(edge: Edge, roster: Roster, kind: str) -> End:
    """Return the other end as it is shown: its workload, else the service or address that was asked for."""
    name = edge.name
    peer = roster.name(name.peer)
    if peer.namespace and (peer.name or peer.pod):
        return _show(peer, kind)
    if name.direction == common_pb2.OUTBOUND and name.service_name:
        return End(name.service_namespace, "service", name.service_name, address=peer.address)
    return End(address=peer.address or "unknown")


def _wanted(src: End, dst: End, kind: str, request: stats_pb2.EdgesRequest) -> bool:
    ends = (src, dst)
    if kind not in ("namespace", "pod") and all(place_of(end, kind) is None for end in ends):
        return False
    space = "name" if kind == "namespace" else "namespace"
    if request.namespace and all(getattr(end, space) != request.namespace for end in ends):
        return False
    label = "pod" if kind == "pod" else "name"
    return not request.name or any(getattr(end, label) == request.name for end in ends)


def _meshed(end: End, roster: Roster, kind: str) -> bool:
    place = place_of(End(namespace=end.name) if kind == "namespace" else end, kind)
    return place is not None and roster.health(place).meshed > 0


def _wire(end: End, identities: set[str]) -> common_pb2.Peer:
    only = next(iter(identities)) if len(identities) == 1 else ""
    return common_pb2.Peer(
        namespace=end.namespace, kind=end.kind, name=end.name, pod=end.pod, identity=only, address=end.address
    )


def _merge(into: Sum, part: Sum) -> None:
    into.success += part.success
    into.failure += part.failure
    for kind, count in part.kinds.items():
        into.kinds[kind] = into.kinds.get(kind, 0) + count
    into.tcp = into.tcp or part.tcp
    into.open += part.open
    into.opened += part.opened
    into.closed += part.closed
    into.read += part.read
    into.written += part.written
