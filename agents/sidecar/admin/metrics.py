"""What `/metrics` shows: Linkerd's families with its names and labels, so that boards written for it work unchanged,
then what it does not show, under `meshtui_`.

A scrape is an iterator of slices: admin/server lets the loop turn between them, however many series there are.
"""

from collections.abc import Callable, Collection, Iterator

from agents.sidecar.admin import process
from agents.sidecar.admin.exposition import Family, Histogram, join, labels
from agents.sidecar.state.bounds import BYTES, CONNECTIONS, REQUESTS, STREAMS
from agents.sidecar.state.cells import HttpCell
from agents.sidecar.state.counters import OUTBOUND, Edge
from agents.sidecar.state.others import Load
from agents.sidecar.state.runtime import Runtime
from meshcore.wire.common_pb2 import SUCCESS
from meshcore.wire.version import VERSION

_TLS = ("unknown", "true", "no_identity", "opaque")  # by common.proto, Tls
_EDGES = 20  # counted in one go


def render(runtime: Runtime, uplinks: Callable[[], Collection[str]]) -> Iterator[str]:
    """Yield the exposition in slices; an empty slice is a place to breathe."""
    yield from _http(runtime)
    yield from _tcp(runtime)
    for family in (*_identity(runtime), *process.families(runtime.others), *_mesh(runtime, uplinks)):
        yield from family.lines()


def edge_labels(edge: Edge) -> str:
    """Return Linkerd's labels of an edge."""
    outbound = edge.direction == OUTBOUND
    pairs = {"direction": "outbound" if outbound else "inbound"}
    peer = edge.peer
    if peer is None:
        pairs["meshtui_overflow"] = "true"
        return labels(pairs)
    if outbound:
        if edge.service_name:
            port = f":{edge.port}" if edge.port else ""
            pairs["authority"] = f"{edge.service_name}.{edge.service_namespace}.svc.cluster.local{port}"
        pairs["target_addr"] = peer.address
        pairs["dst_namespace"] = peer.namespace or edge.service_namespace
        pairs["dst_service"] = edge.service_name
        if peer.kind.isidentifier():
            pairs[f"dst_{peer.kind}"] = peer.name
        pairs["dst_pod"] = peer.pod
        pairs["dst_serviceaccount"] = peer.service_account
    else:
        pairs["target_port"] = str(edge.port) if edge.port else ""
    pairs["tls"] = _TLS[edge.tls] if 0 <= edge.tls < len(_TLS) else _TLS[0]
    pairs["server_id" if outbound else "client_id"] = peer.identity
    pairs["no_tls_reason"] = edge.no_tls_reason
    return labels(pairs)


def _outcome(cell: HttpCell) -> dict[str, str]:
    return {
        "status_code": str(cell.status) if cell.status else "",
        "classification": "success" if cell.classification == SUCCESS else "failure",
        "grpc_status": "" if cell.grpc_status is None else str(cell.grpc_status),
        "error": cell.error,
    }


def _http(runtime: Runtime) -> Iterator[str]:
    requests = Family("request_total", "counter", "Total count of HTTP requests.")
    responses = Family("response_total", "counter", "Total count of HTTP responses.")
    latency = Histogram(
        "response_latency_ms",
        "Elapsed times between a request's headers being received and its response stream completing.",
    )
    for i, edge in enumerate(runtime.counters.all()):
        base = edge_labels(edge)
        for cell in edge.cells.values():
            route = labels({"route_name": cell.route})
            outcome = _outcome(cell)
            requests.add(join(base, route), cell.count)
            responses.add(join(base, route, labels(outcome)), cell.count)
            status = labels({"status_code": outcome["status_code"]})
            latency.add(join(base, route, status), cell.buckets, cell.latency_sum_ms)
        if i % _EDGES == 0:
            yield ""
    yield from requests.lines()
    yield from responses.lines()
    yield from latency.lines()


def _tcp(runtime: Runtime) -> Iterator[str]:
    opened = Family("tcp_open_total", "counter", "Total count of opened connections.")
    now = Family("tcp_open_connections", "gauge", "Number of currently-open connections.")
    read = Family("tcp_read_bytes_total", "counter", "Total count of bytes read from peers; of HTTP, the bodies.")
    written = Family("tcp_write_bytes_total", "counter", "Total count of bytes written to peers; of HTTP, the bodies.")
    closed = Family("tcp_close_total", "counter", "Total count of closed connections.")
    for i, edge in enumerate(runtime.counters.all()):
        cell = edge.tcp
        if not cell.opened:
            continue
        base = join(labels({"peer": "dst" if edge.direction == OUTBOUND else "src"}), edge_labels(edge))
        opened.add(base, cell.opened)
        now.add(base, cell.open)
        read_bytes, written_bytes = edge.moved()
        read.add(base, read_bytes)
        written.add(base, written_bytes)
        closed.add(base, cell.closed - sum(cell.errors.values()))
        for errno, count in cell.errors.items():
            closed.add(join(base, labels({"errno": errno})), count)
        if i % _EDGES == 0:
            yield ""
    for family in (opened, now, read, written, closed):
        yield from family.lines()


def _identity(runtime: Runtime) -> list[Family]:
    expiry = Family(
        "identity_cert_expiration_timestamp_seconds",
        "gauge",
        "Time when this proxy's certificate expires, in seconds since the Unix epoch.",
    )
    refreshes = Family(
        "identity_cert_refreshes_total", "counter", "Total count of certificates this proxy has been given."
    )
    current = runtime.certs.current
    if current is not None:
        expiry.add("", current.not_after)
        refreshes.add("", runtime.certs.renewals + 1)
    refused = Family(
        "meshtui_tls_refused_total",
        "counter",
        "Peers that mutual TLS was not possible with, by reason: not a byte for them.",
    )
    for (direction, reason), count in runtime.certs.refusals.counts.items():
        refused.add(labels({"direction": direction, "reason": reason}), count)
    build = Family("proxy_build_info", "gauge", "Proxy build info.")
    build.add(labels({"version": VERSION, "vendor": "meshtui"}), 1)
    return [expiry, refreshes, refused, build]


def _mesh(runtime: Runtime, uplinks: Callable[[], Collection[str]]) -> list[Family]:
    ewma = Family("meshtui_endpoint_latency_ewma_seconds", "gauge", "Peak EWMA of an endpoint's latency.")
    inflight = Family("meshtui_endpoint_inflight_requests", "gauge", "Requests in flight to an endpoint.")
    weight = Family("meshtui_endpoint_weight", "gauge", "Weight of an endpoint among its service's.")
    for endpoints in runtime.directory.sets.values():
        for endpoint in endpoints.by_id.values():
            where = {"target": endpoints.target, "dst_pod": endpoint.peer.pod, "endpoint": endpoint.id}
            base = labels(where)
            mine = Load(endpoint.ewma if endpoint.stamp else 0.0, endpoint.inflight)
            load = runtime.others.load(endpoints.target, endpoint.id, mine)
            ewma.add(base, load.ewma)
            inflight.add(base, load.inflight)
            weight.add(base, endpoint.weight)
    counters, taps, others = runtime.counters, runtime.taps, runtime.others
    flying = counters.inflight + others.sum("inflight")
    requests = Family("meshtui_inflight_requests", "gauge", "Requests in flight through this proxy.")
    requests.add("", flying)
    bounds = runtime.bounds
    limits = Family("meshtui_limit", "gauge", "How much this proxy takes on at once.")
    now = Family("meshtui_limit_used", "gauge", "How much of a limit is in use.")
    refused = Family("meshtui_limit_refused_total", "counter", "Connections, requests and streams refused at a limit.")
    for name, most, used, why in (
        ("connections", bounds.connections, bounds.clients() + others.sum("clients"), CONNECTIONS),
        ("requests", bounds.requests, flying, REQUESTS),
        ("waiting_bytes", bounds.waited, bounds.waiting + others.sum("waiting_bytes"), BYTES),
    ):
        base = labels({"limit": name})
        limits.add(base, most * others.processes)
        now.add(base, used)
        refused.add(base, bounds.refused[why])
    limits.add(labels({"limit": "streams"}), bounds.streams)  # of one client, which is told the number
    refused.add(labels({"limit": "streams"}), bounds.refused[STREAMS])
    violations = Family(
        "meshtui_http2_violations_total",
        "counter",
        "HTTP/2 connections ended because the peer broke the protocol or flooded, by the code it was told, and reason.",
    )
    for kind, count in runtime.violations.counts.items():
        violations.add(labels(kind._asdict()), count)
    overflowed = Family(
        "meshtui_series_overflows_total", "counter", "Counts that found no room for a series of their own."
    )
    overflowed.add("", counters.overflowed)
    names = Family(
        "meshtui_tls_passthrough_total", "counter", "Connections of the applications' own TLS, by the name asked for."
    )
    for (direction, port, name), count in counters.names.items():
        way = "outbound" if direction == OUTBOUND else "inbound"
        where = {"direction": way, "target_port": str(port or ""), "server_name": name}
        names.add(labels(where), count)
    active = Family("meshtui_taps", "gauge", "Taps that are on.")
    active.add("", len(taps.active))
    dropped = Family("meshtui_tap_dropped_events_total", "counter", "Tap events over the rate or the buffer.")
    dropped.add("", taps.dropped)
    uplink = Family("meshtui_uplink_up", "gauge", "Whether a stream to the control plane is up.")
    up = uplinks()
    for name in ("presence", "policy", "stats", "tap", "trust"):
        uplink.add(labels({"stream": name}), int(name in up))
    return [
        ewma, inflight, weight, requests, limits, now, refused, violations, overflowed, names, active, dropped, uplink,
    ]  # fmt: skip
