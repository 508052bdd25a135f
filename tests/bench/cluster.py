"""`python -m tests.bench.cluster`: from a change of an endpoint to the sidecars, in a cluster of thousands of pods.

`make bench-cluster` calls it, and `make bench` does where the cluster's programs are. A real API server, pods by kwok,
the control plane as a process beside it, and watchers with a connection each. What is told: the delay from the API
server's answer to the change until each watcher knows, what of it came after the API server told the EndpointSlice
(OURS), and what the control plane takes meanwhile.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from meshcore.kube.session import Session, open_cluster
from tests.bench.machine import machine
from tests.bench.process import read_rollup, read_stat
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.control import ControlPlane
from tests.cluster.support.crowd import Crowd, crowd
from tests.cluster.support.flips import Flip, Pods, Sets, Slices, flip, plan
from tests.cluster.support.kwok import PODS_PER_NODE, Kwok
from tests.cluster.support.mesh import Mesh, mesh
from tests.cluster.support.wait import until
from tests.cluster.support.whole import Instance
from tests.cluster.tools.find import CONTROL_PLANE, find_program

NAMESPACE = "load"
SERVICES = 50
PODS, WATCHERS, SECONDS = 5000, 1000, 20.0


class Row(NamedTuple):
    """What changes, and who watches it: the first `services`, in turn."""

    name: str
    services: int
    rate: float = 0.0  # changes a second; 0: all at once
    pods: bool = False  # pods change, and the EndpointSlice controller, which may take a second, stands between
    quiet: bool = False  # nothing changes
    whole: bool = False  # who watches are busy sidecars, with all their other streams and their counters: for the costs


ROWS = (
    Row("quiet", SERVICES, quiet=True),
    Row("spread", SERVICES, 20.0),
    Row("one", 1, 20.0),  # all watch the service that changes
    Row("burst", SERVICES // 10),  # every endpoint of a tenth of the services, at once
    Row("pods", SERVICES, 20.0, pods=True),
    Row("whole", SERVICES, 20.0, whole=True),
)
P99_S, CORES, PRIVATE_MIB = 1.0, 1.0, 400.0  # the goals
SETTLE_S = 60.0
HEAD = ("ROW", "JOINED", "CHANGES", "TOLD", "LOST", "P50", "P99", "MAX", "OURS P50", "P99", "CORES", "PEAK", "MIB")
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """What a process took so far."""

    cpu_s: float
    wall_s: float


def cost(pid: int) -> Cost:
    """Return the processor time of a process, all its threads that are and were."""
    return Cost(read_stat(Path(f"/proc/{pid}/stat").read_text()) / TICKS, time.monotonic())


def private_mib(pid: int) -> float:
    return read_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text()).private / 1024


class Meter:
    """Looks at a process once a second."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak = 0.0  # cores over one second
        self.private = private_mib(pid)
        self.first = self._last = cost(pid)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = cost(self.pid)
            self.peak = max(self.peak, (now.cpu_s - self._last.cpu_s) / (now.wall_s - self._last.wall_s))
            self.private = max(self.private, private_mib(self.pid))
            self._last = now

    @property
    def cores(self) -> float:
        now = cost(self.pid)
        return (now.cpu_s - self.first.cpu_s) / (now.wall_s - self.first.wall_s)


async def measure(cluster: Cluster, plane: Mesh, sets: Sets, row: Row, watchers: int, seconds: float) -> dict[str, Any]:
    """Measure one row."""
    assert plane.process is not None
    what = Pods(sets, NAMESPACE) if row.pods else sets
    behind = {f"{'app' if row.pods else 'set'}-{number}": sets.pods[number] for number in range(row.services)}
    async with open_cluster(str(cluster.plane.admin), environ={}) as session:
        slices = Slices(session, NAMESPACE)
        following = asyncio.create_task(slices.watch.run())
        began = time.monotonic()
        every = [Instance(NAMESPACE, f"app-{number}", pod) for number, pods in sets.pods.items() for pod in pods]
        standing = every[:: max(1, len(every) // watchers)][:watchers] if row.whole else []
        with crowd(plane, NAMESPACE, [f"{service}:80" for service in behind], watchers, standing) as several:
            await asyncio.to_thread(until, several.all_heard, SETTLE_S + watchers / 20, "a word to each watcher")
            joined = time.monotonic() - began
            if row.whole:
                await asyncio.to_thread(until, lambda: counted(plane, watchers), SETTLE_S, "figures of all", 1.0)
            await slices.watch.synced.wait()
            await asyncio.sleep(2.0)
            meter = Meter(plane.process.pid)
            metering = asyncio.create_task(meter.run())
            made = [] if row.quiet else await run(what, session, list(behind.values()), row.rate, seconds)
            if row.quiet:
                await asyncio.sleep(seconds)
            cores = meter.cores
            expected = {f"{service}:80": [sorted(pods)] for service, pods in behind.items()}
            await asyncio.to_thread(until, lambda: several.ask("known") == expected, SETTLE_S, "the same for all", 0.5)
            metering.cancel()
            found = delays(made, behind, several, slices.told)
        following.cancel()
        await asyncio.gather(following, metering, return_exceptions=True)
    costs = {"cores": cores, "peak": meter.peak, "mib": meter.private}
    return {"name": row.name, "joined_s": joined, "changes": len(made), **found, **costs}


def counted(plane: Mesh, watchers: int) -> bool:
    """Tell whether the control plane says that all sidecars are connected, and has counted requests of each."""
    page = plane.admin("/metrics")[1]
    found = (re.search(rf"^meshtui_{what} (\S+)$", page, re.MULTILINE) for what in ("uplinks", "series"))
    uplinks, series = (float(each[1]) if each else 0.0 for each in found)
    return uplinks == watchers and series >= watchers


async def run(
    what: Sets | Pods, session: Session, behind: Sequence[Sequence[str]], rate: float, seconds: float
) -> list[Flip]:
    """Make a row's changes: at its rate, or all that go, and then all that come back."""
    pods = [pod for some in zip(*behind, strict=False) for pod in some]  # one of each service in turn
    if rate:
        return await flip(what, session, plan(pods, int(rate * seconds)), rate)
    changes = plan(pods, 2 * len(pods))
    gone = await flip(what, session, changes[: len(pods)], 0)
    await asyncio.sleep(2.0)
    return gone + await flip(what, session, changes[len(pods) :], 0)


def delays(
    made: Sequence[Flip],
    behind: Mapping[str, Sequence[str]],
    several: Crowd,
    slices: Mapping[tuple[str, str, bool], float],
) -> dict[str, Any]:
    """Return how late the watchers of each change heard of it, and how many never did."""
    came: dict[tuple[str, bool], dict[int, float]] = defaultdict(dict)
    began = min((each.at for each in made), default=0.0) - 1.0
    for arrival in several.arrivals():
        if arrival.at > began:
            came[arrival.pod, arrival.ready].setdefault(arrival.watcher, arrival.at)
    watching: dict[str, list[int]] = defaultdict(list)
    for watcher, service in zip(range(several.watchers), cycle(behind), strict=False):
        watching[service].append(watcher)
    service_of = {pod: service for service, pods in behind.items() for pod in pods}
    late, ours, lost = [], [], 0
    for each in made:
        service = service_of[each.pod]
        told, event = came[each.pod, each.ready], slices.get((service, each.pod, each.ready))
        for watcher in watching[service]:
            if watcher not in told:
                lost += event is not None  # what the API server never told was undone before its controller looked
                continue
            late.append(max(0.0, told[watcher] - each.at))
            if event is not None:
                ours.append(max(0.0, told[watcher] - event))
    return {"told": len(late), "lost": lost, "late_s": quantiles(late), "ours_s": quantiles(ours)}


def quantiles(found: Iterable[float]) -> dict[str, float] | None:
    """Return the median, the 99th percentile and the largest, each a value that occurred; None: there is none."""
    some = sorted(found)
    if not some:
        return None
    return {"p50": some[len(some) // 2], "p99": some[min(len(some) - 1, len(some) * 99 // 100)], "max": some[-1]}


def render(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the table."""
    lines: list[Sequence[str]] = [HEAD]
    for row in rows:
        late, ours = row["late_s"] or {}, row["ours_s"] or {}
        times = [*(late.get(key) for key in ("p50", "p99", "max")), *(ours.get(key) for key in ("p50", "p99"))]
        counts = (f"{row['joined_s']:.0f} s", f"{row['changes']}", f"{row['told']:,}", f"{row['lost']}")
        shown = ("-" if each is None else f"{each * 1000:.0f} ms" for each in times)
        lines.append((row["name"], *counts, *shown, f"{row['cores']:.2f}", f"{row['peak']:.2f}", f"{row['mib']:.0f}"))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def missed(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each goal that is not met.

    Of pods, no delay is ours to promise; of whole sidecars, it is that of the one process that does the work of all.
    """
    found = []
    for row in rows:
        late = (row["late_s"] or {}).get("p99", 0.0)
        if row["lost"]:
            found.append(f"{row['name']}: {row['lost']} of {row['told'] + row['lost']} were never told")
        if late >= P99_S and row["name"] not in ("pods", "whole"):
            found.append(f"{row['name']}: 99 of 100 are told within {late:.2f} s; the goal is {P99_S:g} s")
        if row["cores"] >= CORES:
            found.append(f"{row['name']}: {row['cores']:.2f} cores; the goal is {CORES:g}")
        if row["mib"] >= PRIVATE_MIB:
            found.append(f"{row['name']}: {row['mib']:.0f} MiB; the goal is {PRIVATE_MIB:g}")
    return found


def main() -> int:
    """Run it; returns the exit status: 1 where a goal is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cluster", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--rows", default="", help=f"of {','.join(names)}")
    parser.add_argument("--pods", type=int, default=PODS)
    parser.add_argument("--watchers", type=int, default=WATCHERS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each row")
    parser.add_argument(
        "--nice", type=int, default=0, help="of all its processes; below 0 on a machine that is busy (root)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    wanted = args.rows.split(",") if args.rows else names
    if unknown := set(wanted) - set(names):
        parser.error(f"no {unknown.pop()}; there are {', '.join(names)}")
    os.nice(args.nice)  # of this process and all that it starts
    result = run_rows(wanted, args.pods, args.watchers, args.seconds)
    if args.json:
        args.json.write_text(json.dumps({"cluster": result}, indent=1) + "\n")
    print(render(result["rows"]))
    failed = missed(result["rows"])
    print(*failed, sep="\n", end="\n" if failed else "", file=sys.stderr)
    return int(bool(failed))


def run_rows(
    rows: Sequence[str] = (), pods: int = PODS, watchers: int = WATCHERS, seconds: float = SECONDS
) -> dict[str, Any]:
    """Measure some rows, or all, in a cluster of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4 * watchers), hard), hard))
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    result: dict[str, Any] = {"date": today, "machine": machine(), "pods": pods, "watchers": watchers, "rows": []}
    with tempfile.TemporaryDirectory(prefix="meshtui-bench-") as name:
        folder = Path(name)
        plane = ControlPlane(folder / "cluster")
        try:
            plane.start()
            cluster = Cluster(plane)
            kwok = Kwok(cluster)
            kwok.start(pods // PODS_PER_NODE + 4)
            cluster.core.create_namespace({"metadata": {"name": NAMESPACE}})
            say(f"{pods} pods")
            kwok.run(NAMESPACE, pods, SERVICES)
            sets = Sets(cluster, NAMESPACE)
            sets.make(SERVICES)
            (folder / "mesh").mkdir()
            with mesh(cluster, folder / "mesh") as found:
                for row in (each for each in ROWS if not rows or each.name in rows):
                    say(row.name)
                    measured = asyncio.run(measure(cluster, found, sets, row, watchers, seconds))
                    result["rows"].append(measured)
                    say(json.dumps(measured))
        finally:
            plane.close()
    return result


def missing() -> str:
    """Return what this machine lacks for it; empty: nothing."""
    lacking = [name for name in CONTROL_PLANE if find_program(name) is None]
    return f"{', '.join(lacking)} missing: make cluster-tools" if lacking else ""


def describe(result: Mapping[str, Any]) -> str:
    """Return where a result comes from."""
    found = result["machine"]
    return (
        f"The control plane with {result['pods']:,} pods and {result['watchers']:,} watchers: {found['cpu']}, "
        f"{found['cores']} cores, load average {found['load_average']:g} at the start; {result['date']}."
    )


def say(line: str) -> None:
    print(f"bench-cluster: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
