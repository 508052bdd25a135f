"""From packed sums to the numbers of an answer: rates, shares, quantiles, counts by status, and series. Pure."""

from math import nan

from meshcore.services.stats import pack
from meshcore.services.stats.ring import LEVELS, Ring, Tile
from meshcore.services.stats.rollup import Edge, Line
from meshcore.wire import buckets, common_pb2, stats_pb2

GAUGE_S = 3  # a sidecar tells its open connections every second; older news is of one that has gone


class Sum:
    """What several series counted in one window."""

    __slots__ = ("closed", "failure", "kinds", "open", "opened", "read", "success", "tcp", "written")

    def __init__(self) -> None:
        self.success = 0  # packed histograms
        self.failure = 0
        self.kinds: dict[tuple[int, int | None, common_pb2.Class.ValueType, str], int] = {}
        self.tcp = False
        self.open = self.opened = self.closed = self.read = self.written = 0

    def add_line(self, line: Line, tiles: list[Tile]) -> int:
        """Add one HTTP series; return how many requests that were."""
        packed = line.track.total(tiles) if line.track is not None else 0
        if not packed:
            return 0
        name = line.name
        if name.classification == common_pb2.FAILURE:
            self.failure += packed
        else:
            self.success += packed
        kind = (name.status, name.grpc_status, name.classification, name.error)
        count = pack.count_of(packed)
        self.kinds[kind] = self.kinds.get(kind, 0) + count
        return count

    def add_flow(self, edge: Edge, tiles: list[Tile], end: int) -> int:
        """Add an edge's connections; return how many were opened or are open."""
        packed = edge.flow.total(tiles) if edge.flow is not None else 0
        latest = edge.open.latest(end - 1) if edge.open is not None else None
        now = latest[1] if latest is not None and latest[0] > end - GAUGE_S else 0
        if not packed and not now:
            return 0
        opened, closed, read, written = pack.flow_of(packed)
        self.tcp = True
        self.open += now
        self.opened += opened
        self.closed += closed
        self.read += read
        self.written += written
        return max(opened, now)

    @property
    def requests(self) -> int:
        return pack.count_of(self.success) + pack.count_of(self.failure)

    def http(self, seconds: float) -> stats_pb2.HttpStats | None:
        """Return the HTTP part of an answer; None if there was none."""
        if not self.requests:
            return None
        counts = pack.buckets_of(self.success + self.failure)
        return stats_pb2.HttpStats(
            success=pack.count_of(self.success),
            failure=pack.count_of(self.failure),
            rps=self.requests / seconds,
            p50_ms=buckets.quantile(counts, 0.5),
            p95_ms=buckets.quantile(counts, 0.95),
            p99_ms=buckets.quantile(counts, 0.99),
            samples=sum(counts),
            statuses=[
                stats_pb2.StatusCount(
                    status=status, grpc_status=grpc_status, classification=of, error=error, count=count
                )
                for (status, grpc_status, of, error), count in sorted(self.kinds.items(), key=lambda item: -item[1])
            ],
        )

    def connections(self, seconds: float) -> stats_pb2.TcpStats | None:
        """Return the TCP part of an answer; None if there was none."""
        if not self.tcp:
            return None
        return stats_pb2.TcpStats(
            open=self.open, opened=self.opened, read_bps=self.read / seconds, write_bps=self.written / seconds
        )


class Steps:
    """The steps of a series: how wide, from where, read at which level."""

    __slots__ = ("born", "points", "start", "tile", "width")

    def __init__(self, ring: Ring, end: int, points: int, step_ms: int) -> None:
        step = max(1, step_ms // 1000)
        level = ring.grain(end - points * step)
        grain = LEVELS[level].width
        self.width = -(-step // grain) * grain
        self.points = points
        last = end // grain
        first = last - points * (self.width // grain)
        self.start = first * grain
        self.tile: Tile = (level, first, last)
        self.born = max(ring.born if ring.born is not None else end, ring.oldest())

    def series(self, lines: list[Line]) -> stats_pb2.Series:
        """Return rate, success and quantiles of each step; NaN without requests, or before anybody counted."""
        success, failure = [0] * self.points, [0] * self.points
        per_step = self.width // LEVELS[self.tile[0]].width
        first = self.tile[1]
        for line in lines:
            if line.track is None:
                continue
            into = failure if line.name.classification == common_pb2.FAILURE else success
            for slot, packed in line.track.between(self.tile):
                into[(slot - first) // per_step] += packed
        answer = stats_pb2.Series(start_ms=self.start * 1000, step_ms=self.width * 1000)
        rps, share, p50, p95, p99 = [], [], [], [], []
        for at in range(self.points):
            good, bad = pack.count_of(success[at]), pack.count_of(failure[at])
            total = good + bad
            known = self.start + (at + 1) * self.width > self.born
            rps.append(total / self.width if known else nan)
            if not total:
                share.append(nan)
                p50.append(nan)
                p95.append(nan)
                p99.append(nan)
                continue
            counts = pack.buckets_of(success[at] + failure[at])
            share.append(good / total)
            p50.append(buckets.quantile(counts, 0.5))
            p95.append(buckets.quantile(counts, 0.95))
            p99.append(buckets.quantile(counts, 0.99))
        answer.rps.extend(rps)
        answer.success.extend(share)
        answer.p50_ms.extend(p50)
        answer.p95_ms.extend(p95)
        answer.p99_ms.extend(p99)
        return answer
