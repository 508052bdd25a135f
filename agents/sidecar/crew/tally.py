"""A worker's counts become the sidecar's: each report is added to the same edges and cells that the lead counts in.

One Tally per worker process. What a worker reported stays when it ends; only what it had open is closed then. Pure.
"""

from agents.sidecar.state.cells import HttpCell
from agents.sidecar.state.counters import OUTBOUND, Counters, Edge
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.violations import Violation
from meshcore.wire import stats_pb2, worker_pb2


class Tally:
    """The counts of one worker process, by the numbers that it gave its edges and cells."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._counters: Counters = runtime.counters
        self._edges: dict[int, Edge] = {}
        self._cells: dict[int, HttpCell] = {}
        self._open: dict[int, int] = {}  # connections, by edge
        self._overflowed = 0

    def take(self, report: worker_pb2.WorkerReport) -> None:
        """Add what a report says was gained since the last one."""
        stats = report.stats
        for told in stats.edges:
            self._edges[told.id] = self._edge(told, told.id in report.overflow)
        for key in stats.http_keys:
            grpc_status = key.grpc_status if key.HasField("grpc_status") else None
            self._cells[key.id] = self._edges[key.edge].http(
                key.route, key.protocol, key.status, grpc_status, key.classification, key.error
            )
        for http in stats.http:
            cell = self._cells[http.key]
            cell.count += http.count
            self._counters.elsewhere += http.count
            for bucket, count in zip(http.bucket, http.bucket_count, strict=True):
                cell.buckets[bucket] += count
            cell.latency_sum_ms += http.latency_sum_ms
            cell.request_bytes += http.request_bytes
            cell.response_bytes += http.response_bytes
            self._requests_moved(cell, http)
        for tcp in stats.tcp:
            flow = self._edges[tcp.edge].tcp
            flow.opened += tcp.opened
            flow.closed += tcp.closed
            flow.read_bytes += tcp.read_bytes
            flow.written_bytes += tcp.written_bytes
            flow.open += tcp.open - self._open.get(tcp.edge, 0)
            self._open[tcp.edge] = tcp.open
        for closed in report.errors:
            self._edges[closed.edge].tcp.failed(closed.errno, closed.count)
        self._counters.overflowed += report.overflowed - self._overflowed
        self._overflowed = report.overflowed
        for gain in report.gains:
            self._gain(gain)

    def close(self) -> None:
        """The process has ended: its connections are closed."""
        for number, still in self._open.items():
            flow = self._edges[number].tcp
            flow.closed += still
            flow.open -= still
        self._open.clear()

    def _requests_moved(self, cell: HttpCell, http: stats_pb2.HttpDelta) -> None:
        """Take a cell's bytes off what the same report says of the edge: it has them twice, the edge adds them up."""
        edge = cell.edge
        asked, answered = http.request_bytes, http.response_bytes
        if edge.direction == OUTBOUND:
            asked, answered = answered, asked
        edge.tcp.read_bytes -= asked
        edge.tcp.written_bytes -= answered

    def _gain(self, gain: worker_pb2.Gain) -> None:
        match gain.of, *gain.key:
            case "limit", why:
                self._runtime.bounds.refused[why] += gain.count
            case "tls", direction, reason:
                self._runtime.certs.refusals.counts[direction, reason] += gain.count
            case "violation", *kind:
                self._runtime.violations.add(Violation(*kind), gain.count)
            case "name", direction, port, name:
                self._counters.named(int(direction), int(port), name, gain.count)

    def _edge(self, told: stats_pb2.EdgeKey, overflow: bool) -> Edge:
        if overflow:
            return self._counters.overflow(told.direction)
        far = told.peer
        peer = Peer(
            namespace=far.namespace,
            kind=far.kind,
            name=far.name,
            pod=far.pod,
            service_account=far.service_account,
            identity=far.identity,
            address=far.address,
            tls=told.tls,
            no_tls_reason=told.no_tls_reason,
        )
        return self._counters.edge(
            told.direction,
            peer,
            told.service_namespace,
            told.service_name,
            told.port,
            told.tls,
            told.no_tls_reason,
        )
