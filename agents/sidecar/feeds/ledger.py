"""The last minutes of counter reports, kept so that a control plane that was away can be told again.

A report is kept as the bytes that travel, with references to the keys it uses: keys have numbers that no other key of
this process has, so on a new stream only the keys themselves have to be told again. Bounded in time and in bytes.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from agents.sidecar.state.cells import HttpCell
from agents.sidecar.state.counters import Drained, Edge
from agents.sidecar.state.event import peer
from meshcore.wire import common_pb2, stats_pb2

Key = TypeVar("Key", Edge, HttpCell)
KEEP_MS = 5 * 60 * 1000
KEEP_BYTES = 4 * 1024 * 1024


class Report(NamedTuple):
    """One drain: the deltas as they travel, and the keys that they name."""

    seq: int
    time_ms: int
    body: bytes
    cells: tuple[HttpCell, ...]
    edges: tuple[Edge, ...]

    @property
    def size(self) -> int:
        return len(self.body) + 8 * (len(self.cells) + len(self.edges)) + 200


class Ledger:
    """Reports by sequence number, the oldest first."""

    def __init__(self, keep_ms: int = KEEP_MS, keep_bytes: int = KEEP_BYTES) -> None:
        self._reports: deque[Report] = deque()
        self._keep_ms = keep_ms
        self._keep_bytes = keep_bytes
        self._bytes = 0
        self.last_seq = 0

    @property
    def oldest_seq(self) -> int:
        return self._reports[0].seq if self._reports else self.last_seq + 1

    def add(self, drained: Drained, time_ms: int) -> Report:
        """Keep what was drained as the next report, and forget what is too old or too much."""
        self.last_seq += 1
        message = stats_pb2.StatsReport(seq=self.last_seq, time_ms=time_ms)
        for http in drained.http:
            message.http.add(
                key=http.cell.id,
                count=http.requests,
                bucket=http.buckets,
                bucket_count=http.bucket_counts,
                latency_sum_ms=http.latency_sum_ms,
                request_bytes=http.request_bytes,
                response_bytes=http.response_bytes,
            )
        for tcp in drained.tcp:
            message.tcp.add(
                edge=tcp.edge.id,
                opened=tcp.opened,
                closed=tcp.closed,
                read_bytes=tcp.read_bytes,
                written_bytes=tcp.written_bytes,
                open=tcp.open,
            )
        report = Report(
            self.last_seq,
            time_ms,
            message.SerializeToString(),
            tuple(http.cell for http in drained.http),
            tuple(tcp.edge for tcp in drained.tcp),
        )
        self._reports.append(report)
        self._bytes += report.size
        while len(self._reports) > 1 and (
            self._bytes > self._keep_bytes or self._reports[0].time_ms < time_ms - self._keep_ms
        ):
            self._bytes -= self._reports.popleft().size
        return report

    def since(self, seq: int) -> list[Report]:
        """Return the reports after `seq` that are still held."""
        return [report for report in self._reports if report.seq > seq]


class Stream:
    """What the other end of one stream knows: a key is told before it is first used, and once."""

    def __init__(self) -> None:
        self._told: set[int] = set()

    def encode(self, report: Report, status: bytes = b"") -> bytes:
        """Return a StatsReport's bytes: the report, the keys that are new here, and a serialised status.

        Serialised messages of one type may be joined end to end, the reader merges them (protobuf's encoding guide).
        """
        edges = self._new([*report.edges, *(cell.edge for cell in report.cells)])
        cells = self._new(report.cells)
        if not edges and not cells:
            return report.body + status
        keys = stats_pb2.StatsReport(
            edges=[_edge_key(edge) for edge in edges], http_keys=[_http_key(cell) for cell in cells]
        )
        return report.body + keys.SerializeToString() + status

    def _new(self, keys: Iterable[Key]) -> list[Key]:
        new = {key.id: key for key in keys if key.id not in self._told}
        self._told.update(new)
        return list(new.values())


def _edge_key(edge: Edge) -> stats_pb2.EdgeKey:
    return stats_pb2.EdgeKey(
        id=edge.id,
        direction=common_pb2.Direction.ValueType(edge.direction),
        peer=peer(edge.peer),
        service_namespace=edge.service_namespace,
        service_name=edge.service_name,
        port=edge.port,
        tls=common_pb2.Tls.ValueType(edge.tls),
        no_tls_reason=edge.no_tls_reason,
    )


def _http_key(cell: HttpCell) -> stats_pb2.HttpKey:
    return stats_pb2.HttpKey(
        id=cell.id,
        edge=cell.edge.id,
        route=cell.route,
        protocol=common_pb2.Protocol.ValueType(cell.protocol),
        status=cell.status,
        grpc_status=cell.grpc_status,
        classification=common_pb2.Class.ValueType(cell.classification),
        error=cell.error,
    )
