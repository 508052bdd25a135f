"""How a row is measured: rounds that alternate between the contestants, then medians.

`__main__` calls `measure` for each row. CPU is what the proxies' own processes used while a load ran; the load
generators, the origin and the control plane are not in it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Any, NamedTuple

from tests.bench import load
from tests.bench.envoy import Envoy
from tests.bench.haproxy import HAProxy
from tests.bench.linkerd import Linkerd
from tests.bench.mesh import Mesh
from tests.bench.rows import ROUTED, TAP, Row
from tests.bench.side import Side, Usage

WARM_S = 1.0
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
        self.closed: list[load.Outcome] = []
        self.paced: list[load.Outcome] = []


def measure(
    row: Row, makes: Sequence[Make], port: int, rounds: int, seconds: float, folder: Path, say: Say
) -> dict[str, Any]:
    """Return one row of the result."""
    sides: list[Side] = []
    try:
        contestants = _contestants(row, makes, port, folder / row.name, sides)
        direct = Contestant(DIRECT, Direct(folder, port))
        samples = {one.name: Samples(one.side.memory()) for one in contestants}
        samples[DIRECT] = Samples(None)
        for one in contestants:
            one.side.arrange(one.state)
            load.closed(row, one.side.entry, WARM_S, folder)
        for number in range(rounds * 2 if row.state else rounds):  # two states of one proxy differ by little
            # Alternating, and each first in turn: what drifts on the machine drifts for all.
            turn = contestants if number % 2 == 0 else contestants[::-1]
            for one in turn:
                one.side.arrange(one.state)
                _closed(row, one, samples[one.name], seconds, folder)
                cost, outcome = samples[one.name].cpu_us[-1], samples[one.name].closed[-1]
                say(f"{row.name}  round {number + 1}  {one.name:14} {cost:7.1f} µs  p99 {outcome.p99_ms:.2f} ms")
            for one in (direct, *turn) if row.paced else ():
                _paced(row, one, samples[one.name], seconds)
                outcome = samples[one.name].paced[-1]
                say(f"{row.name}  round {number + 1}  {one.name:14} at a fixed rate  p99 {outcome.p99_ms:.2f} ms")
        for side in sides:
            side.check()
        unproxied = samples.pop(DIRECT)
        reached = summary(row, unproxied, None) if row.paced else None
        return {
            "name": row.name,
            "unit": row.unit,
            "direct": reached,
            "proxies": {name: summary(row, found, reached) for name, found in samples.items()},
        }
    finally:
        for side in sides:
            side.stop()


def _contestants(row: Row, makes: Sequence[Make], port: int, folder: Path, sides: list[Side]) -> list[Contestant]:
    """Start every side; those that are in `sides` are to be stopped, whatever happens."""
    found = []
    for make in makes:
        if row.state and make is not Mesh:
            continue
        if row.state == ROUTED:
            sides.append(make(folder / "without", row.way._replace(routes=0), port))
            found.append(Contestant(make.name, sides[-1]))
        side = make(folder / make.name, row.way, port)
        sides.append(side)
        if row.state == TAP:
            found.append(Contestant(make.name, side))
        state = TAP if row.state == TAP else ""  # of routes, each side has its own for good
        found.append(Contestant(f"{make.name}+{row.state}" if row.state else make.name, side, state))
    return found


def _closed(row: Row, one: Contestant, samples: Samples, seconds: float, folder: Path) -> None:
    sampling = Timer(seconds * 0.8, lambda: samples.loaded.append(one.side.memory()))
    before = one.side.cpu_us()
    sampling.start()
    outcome = load.closed(row, one.side.entry, seconds, folder)
    sampling.join()
    samples.cpu_us.append((one.side.cpu_us() - before) / max(1, outcome.requests) * row.per)
    samples.closed.append(outcome)


def _paced(row: Row, one: Contestant, samples: Samples, seconds: float) -> None:
    before = one.side.cpu_us()
    outcome = load.paced(row, one.side.entry, seconds)
    samples.paced_cpu_us.append((one.side.cpu_us() - before) / max(1, outcome.requests))
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
        for name in ("p50_ms", "p99_ms", "p999_ms"):
            found[name] = _middle(samples.paced, name)
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
    return round(median(getattr(outcome, name) for outcome in outcomes), 3)
