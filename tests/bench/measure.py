"""How a row is measured: rounds that alternate between the contestants, then medians.

`__main__` calls `measure` for each row. CPU is what the proxies' own processes used while a load ran; the load
generators, the origin and the control plane are not in it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Any, NamedTuple

from tests.bench import load
from tests.bench.ahead import ahead
from tests.bench.envoy import Envoy
from tests.bench.haproxy import HAProxy
from tests.bench.linkerd import Linkerd
from tests.bench.mesh import Mesh
from tests.bench.process import Process
from tests.bench.rows import Row
from tests.bench.side import Side, Usage

WARM_S = 1.0
PACED = 1.5  # times as long at the fixed rate: its P99.9 is told by few requests
DIRECT = "direct"
Say = Callable[[str], None]
Make = type[Mesh] | type[Envoy] | type[HAProxy] | type[Linkerd]


class Contestant(NamedTuple):
    """A side in one of its states."""

    name: str
    side: Side
    state: str = ""


class Direct(Side):
    """Nothing between the client and the origin."""

    name = DIRECT

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self.entry = port


class Samples:
    """What the rounds gave for one contestant."""

    def __init__(self, idle: Usage | None) -> None:
        self.idle = idle
        self.loaded: list[Usage] = []
        self.cpu_us: list[float] = []  # per unit
        self.paced_cpu_us: list[float] = []
        self.paced_waited_us: list[float] = []  # for a core, per unit
        self.closed: list[load.Outcome] = []
        self.paced: list[load.Outcome] = []


def measure(
    row: Row,
    makes: Sequence[Make],
    ports: Mapping[str, int],
    origin: Process,
    rounds: int,
    seconds: float,
    folder: Path,
    say: Say,
) -> dict[str, Any]:
    """Return one row of the result."""
    sides: list[Side] = []
    try:
        for make in makes if not row.state else (Mesh,):
            sides.append(make(folder / row.name / make.name, row.way, ports))  # noqa: PERF401 - one more to be stopped
        contestants = [Contestant(side.name, side) for side in sides]
        if row.state:  # two states of one process: what differs between two processes is not in it
            contestants.append(Contestant(f"{Mesh.name}+{row.state}", sides[0], row.state))
        samples = {one.name: Samples(one.side.memory()) for one in contestants}
        for one in contestants:
            one.side.arrange(one.state)
            load.closed(row, one.side.entry, WARM_S, folder)
        direct = Contestant(DIRECT, Direct(folder, ports[row.way.kind]))
        unproxied = Samples(None)
        # States differ by little: more rounds, and shorter ones.
        count, length = (rounds * 8, seconds / 2) if row.state else (rounds, seconds)
        for number in range(count):
            # Alternating, and each first in turn: what drifts on the machine drifts for all.
            turn = contestants if number % 2 == 0 else contestants[::-1]
            place = f"{row.name}  round {number + 1}"
            for one in turn:
                one.side.arrange(one.state)
                _closed(row, one, samples[one.name], length, folder)
                cost, outcome = samples[one.name].cpu_us[-1], samples[one.name].closed[-1]
                say(f"{place}  {one.name:14} {cost:7.1f} µs  p99 {outcome.p99_ms:.2f} ms")
            for one in (direct, *turn) if number < rounds else ():
                one.side.arrange(one.state)
                found = samples.get(one.name, unproxied)
                _paced(row, one, found, origin, seconds * PACED)
                p99, late = found.paced[-1].p99_ms, found.paced[-1].late_p99_ms
                say(f"{place}  {one.name:14} at a fixed rate  p99 {p99:.2f} ms, asked up to {late:.2f} late")
        for side in sides:
            side.check()
    finally:
        for side in sides:
            side.stop()
    reached = summary(row, unproxied, None)
    proxies = {name: summary(row, found, reached) for name, found in samples.items()}
    return {"name": row.name, "unit": row.unit, "direct": reached, "proxies": proxies}


def _closed(row: Row, one: Contestant, samples: Samples, seconds: float, folder: Path) -> None:
    sampling = Timer(seconds * 0.8, lambda: samples.loaded.append(one.side.memory()))
    before = one.side.cpu_us()
    sampling.start()
    outcome = load.closed(row, one.side.entry, seconds, folder)
    sampling.join()
    samples.cpu_us.append((one.side.cpu_us() - before) / max(1, outcome.requests) * row.per)
    samples.closed.append(outcome)


def _paced(row: Row, one: Contestant, samples: Samples, origin: Process, seconds: float) -> None:
    side = one.side
    cpu, waited = side.cpu_us(), side.waited_us()
    with ahead(process.pid for process in (origin, *side.proxies)):
        outcome = load.paced(row, side.entry, seconds)
    requests = max(1, outcome.requests)
    samples.paced_cpu_us.append((side.cpu_us() - cpu) / requests)
    samples.paced_waited_us.append((side.waited_us() - waited) / requests)
    samples.paced.append(outcome)


def summary(row: Row, samples: Samples, direct: dict[str, Any] | None) -> dict[str, Any]:
    """Return the medians of a contestant's rounds."""
    outcomes = (*samples.closed, *samples.paced)
    found: dict[str, Any] = {
        "requests": sum(outcome.requests for outcome in outcomes),
        "errors": sum(outcome.errors for outcome in outcomes),
        "said": next((outcome.said for outcome in outcomes if outcome.said), ""),
    }
    if samples.closed:
        rates = [outcome.requests / outcome.seconds / row.per for outcome in samples.closed]
        found |= {
            "cpu_us": round(median(samples.cpu_us), 2),
            "cpu_us_rounds": [round(cost, 2) for cost in samples.cpu_us],
            "rate": round(median(rates), 1),
            "closed_p50_ms": _middle(samples.closed, "p50_ms"),
            "closed_p99_ms": _middle(samples.closed, "p99_ms"),
        }
    if samples.paced:
        found["paced_cpu_us"] = round(median(samples.paced_cpu_us), 2)
        found["paced_waited_us"] = round(median(samples.paced_waited_us), 2)
        found["late_p99_ms"] = _middle(samples.paced, "late_p99_ms")
        for name in ("p50_ms", "p99_ms", "p999_ms"):
            found[name] = _middle(samples.paced, name)
            found[f"{name}_rounds"] = [round(getattr(outcome, name), 3) for outcome in samples.paced]
            if direct is not None:
                found[f"added_{name}"] = round(found[name] - direct[name], 3)
    if samples.idle is not None:
        found["idle_private_kib"], found["idle_resident_kib"] = (
            round(samples.idle.private),
            round(samples.idle.resident),
        )
        found["loaded_private_kib"] = round(max(usage.private for usage in samples.loaded))
        found["loaded_resident_kib"] = round(max(usage.resident for usage in samples.loaded))
    return found


def _middle(outcomes: list[load.Outcome], name: str) -> float:
    return round(float(median(getattr(outcome, name) for outcome in outcomes)), 3)
