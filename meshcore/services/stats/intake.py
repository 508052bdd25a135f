"""From reports to counts, exactly once: ids of a stream, sequence numbers of a process, and how far all have reported.

A sidecar process (one boot_id) numbers its reports; whichever stream a number arrives on, and however often, it is
counted once. A report is placed by its own time, so those that were held back while the control plane was away
land where they belong. The watermark is the newest second that all connected sidecars have reported on: windows
end there, so that what was sent and what was received agree. serve.py feeds this; pure, time is passed in.
"""

from dataclasses import dataclass, field

from meshcore.services.stats import pack
from meshcore.services.stats.rollup import EdgeName, End, Line, LineName, Rollup
from meshcore.wire import common_pb2, stats_pb2

LAG_S = 2.5  # the longest a window's end waits for a sidecar
RETURN_S = 6.0  # as long as that for one whose replica was lost: it has to find another first
FORGET_S = 900.0  # how long the numbers of a process that has gone are remembered
HALF_MS = 500  # a report of about a second belongs to the second that holds its middle
GAPS = 1000  # reports of a process that may be missing; older ones will not come any more
NAMED = 20_000  # ids that one stream may name; a sidecar has 2,000 edges and 5,000 series at most
OWN_IDS = 1 << 31  # sidecars count their ids from 1
SWEEP_S = 5.0


@dataclass(slots=True)
class Boot:
    """One sidecar process: which of its reports have been counted, and how far they reach."""

    reporter: End
    top: int = 0
    gaps: set[int] = field(default_factory=set)
    streams: int = 0
    second: int | None = None  # newest second reported on
    heard: float = 0.0
    awaited: float = 0.0  # until when it is given RETURN_S

    def fresh(self, seq: int) -> bool:
        """Tell whether a report has not been counted before, and remember it as counted."""
        if seq > self.top:
            if self.top:
                self.gaps.update(range(max(self.top + 1, seq - GAPS), seq))
                if len(self.gaps) > GAPS:
                    self.gaps = set(sorted(self.gaps)[-GAPS:])
            self.top = seq
            return True
        if seq in self.gaps:
            self.gaps.discard(seq)
            return True
        return False

    def resume(self, oldest: int) -> int:
        """Return after which report a sidecar should go on that still holds those from `oldest` on."""
        self.gaps = {gap for gap in self.gaps if gap >= oldest}
        return min(self.gaps, default=self.top + 1) - 1


class Uplink:
    """One open stream: what its ids stand for."""

    def __init__(self, boot: Boot, boot_id: str, rollup: Rollup) -> None:
        self.boot = boot
        self.boot_id = boot_id
        self._rollup = rollup
        self._edges: dict[int, EdgeName] = {}
        self._lines: dict[int, Line] = {}

    def keys(self) -> stats_pb2.StatsReport:
        """Return what the ids of this stream stand for, as a report that counts nothing."""
        found = stats_pb2.StatsReport()
        numbers: dict[EdgeName, int] = {}
        for number, name in self._edges.items():
            numbers[name] = number
            found.edges.append(_edge_key(number, name))
        for key, line in self._lines.items():
            number = numbers.get(line.edge.name, 0)
            if not number:  # it had no room: its numbers went to the reporter's overflow, which the sidecar never named
                number = numbers[line.edge.name] = OWN_IDS + len(numbers)
                found.edges.append(_edge_key(number, line.edge.name))
            found.http_keys.append(_http_key(key, number, line.name))
        return found

    def take(self, report: stats_pb2.StatsReport, now: float) -> int:
        """Count a report if it has not been counted; return the highest number that has been."""
        boot, rollup = self.boot, self._rollup
        for key in report.edges:
            if len(self._edges) < NAMED:
                self._edges[key.id] = edge_name(boot.reporter, key)
        for http in report.http_keys:
            edge = self._edges.get(http.edge)
            if edge is not None and len(self._lines) < NAMED:
                self._lines[http.id] = rollup.line(edge, line_name(http))
        boot.heard = now
        if not report.seq or not boot.fresh(report.seq):
            return boot.top
        # A clock that is ahead of ours must not push the ring's present into the future.
        second = min((report.time_ms - HALF_MS) // 1000, int(now))
        if boot.second is None or second > boot.second:
            boot.second = second
        rollup.ring.cover(second)
        for delta in report.http:
            line = self._lines.get(delta.key)
            if line is not None:
                packed = pack.histogram(delta.count, delta.bucket, delta.bucket_count)
                self._lines[delta.key] = rollup.count(line, second, packed)
        for tcp in report.tcp:
            edge = self._edges.get(tcp.edge)
            if edge is not None:
                flow = pack.flow(tcp.opened, tcp.closed, tcp.read_bytes, tcp.written_bytes)
                rollup.connections(edge, second, flow, tcp.open)
        if rollup.ring.cells > rollup.ring.max_cells:
            rollup.sweep()
        return boot.top


class Intake:
    """All sidecar processes that report or have lately reported."""

    def __init__(self, rollup: Rollup) -> None:
        self.rollup = rollup
        self.boots: dict[tuple[End, str], Boot] = {}
        self._watermark = 0
        self._swept = 0.0

    def open(self, hello: stats_pb2.StatsHello, now: float) -> Uplink:
        """Begin a stream; its boot's `top` says from which report to go on."""
        reporter = end(hello.self)
        boot = self.boots.get((reporter, hello.boot_id))
        if boot is None:
            boot = self.boots[reporter, hello.boot_id] = Boot(reporter)
        boot.streams += 1
        boot.heard = now
        return Uplink(boot, hello.boot_id, self.rollup)

    def close(self, uplink: Uplink) -> None:
        """End a stream; nobody waits for it any more."""
        uplink.boot.streams -= 1

    def lose(self, uplink: Uplink, now: float) -> None:
        """End a stream of a replica that was lost: its sidecar is about to come back to another one."""
        uplink.boot.streams -= 1
        uplink.boot.awaited = now + RETURN_S

    def watermark(self, now: float) -> int:
        """Return where a window ends that ends now: the second after the last that all have reported on."""
        mark = int(now)
        for boot in self.boots.values():
            away = boot.awaited > now
            if boot.second is not None and (boot.streams > 0 or away):
                mark = min(mark, max(boot.second + 1, int(now - (RETURN_S if away else LAG_S)) + 1))
        # Never back, or a viewer would see counts fall; unless the clock itself was set back.
        self._watermark = max(self._watermark, mark) if self._watermark <= now + 1 else mark
        self.rollup.ring.advance(self._watermark - 1)
        return self._watermark

    def connected(self) -> int:
        """Return how many sidecars have a stream open."""
        return sum(boot.streams > 0 for boot in self.boots.values())

    def current(self, now: float) -> set[tuple[str, str]]:
        """Return namespace and pod of those that have told all that they held back."""
        return {
            (boot.reporter.namespace, boot.reporter.pod)
            for boot in self.boots.values()
            if boot.streams > 0 and boot.second is not None and boot.second >= int(now - LAG_S) - 1
        }

    def tick(self, now: float) -> None:
        """Now and then: forget processes that have gone, and what the ring no longer holds."""
        if 0 <= now - self._swept < SWEEP_S:
            return
        self._swept = now
        gone = [key for key, boot in self.boots.items() if not boot.streams and now - boot.heard > FORGET_S]
        for key in gone:
            del self.boots[key]
        self.rollup.sweep()


def wire_end(end: End) -> common_pb2.Peer:
    """Return what an edge is named by as a Peer of the wire."""
    return common_pb2.Peer(**end._asdict())


def _edge_key(number: int, name: EdgeName) -> stats_pb2.EdgeKey:
    return stats_pb2.EdgeKey(
        id=number,
        direction=name.direction,
        peer=wire_end(name.peer),
        service_namespace=name.service_namespace,
        service_name=name.service_name,
        port=name.port,
        tls=name.tls,
        no_tls_reason=name.no_tls_reason,
    )


def _http_key(number: int, edge: int, name: LineName) -> stats_pb2.HttpKey:
    return stats_pb2.HttpKey(
        id=number,
        edge=edge,
        route=name.route,
        protocol=name.protocol,
        status=name.status,
        grpc_status=name.grpc_status,
        classification=name.classification,
        error=name.error,
    )


def end(peer: common_pb2.Peer) -> End:
    """Return a Peer of the wire as what an edge is named by."""
    return End(
        peer.namespace, peer.kind.lower(), peer.name, peer.pod, peer.service_account, peer.identity, peer.address
    )


def edge_name(reporter: End, key: stats_pb2.EdgeKey) -> EdgeName:
    """Return the name of an edge. Addresses tell only ends without a name apart, a client's port not even those."""
    peer = end(key.peer)
    if peer.name or peer.pod:
        peer = peer._replace(address="")
    elif key.direction == common_pb2.INBOUND:
        peer = peer._replace(address=host_of(peer.address))
    return EdgeName(
        reporter,
        key.direction,
        peer,
        key.service_namespace,
        key.service_name,
        key.port,
        key.tls,
        key.no_tls_reason,
    )


def line_name(key: stats_pb2.HttpKey) -> LineName:
    """Return the name of a series on its edge."""
    grpc_status = key.grpc_status if key.HasField("grpc_status") else None
    return LineName(key.route, key.protocol, key.status, grpc_status, key.classification, key.error)


def host_of(address: str) -> str:
    """Return the host of "host:port" or "[v6]:port"; an address without a port as it is."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.rpartition(":")
    return host if colon and port.isdigit() and ":" not in host else address
