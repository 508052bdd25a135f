"""The rows of the benchmark, and how one is measured: rounds that alternate between the proxies, then medians."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from tests.bench import load
from tests.bench.envoy import Envoy
from tests.bench.mesh import Mesh

WARM_S = 1.0


class Row(NamedTuple):
    """One load over one kind of way."""

    name: str
    port: str  # "http" or "grpc"
    pair: bool


ROWS = (
    Row("http1", "http", pair=False),
    Row("http1-mtls", "http", pair=True),
    Row("grpc", "grpc", pair=False),
    Row("grpc-mtls", "grpc", pair=True),
)
Say = Callable[[str], None]


def measure(row: Row, origin: dict[str, int], rounds: int, seconds: float, folder: Path, say: Say) -> dict[str, Any]:
    """Return one row of the result."""
    ports = {row.port: origin[row.port]}
    sides: list[Mesh | Envoy] = []
    samples: dict[str, list[tuple[float, load.Outcome]]] = {}
    try:
        sides += [Mesh(folder / row.name / Mesh.name, ports, pair=row.pair)]
        sides += [Envoy(folder / row.name / Envoy.name, ports, pair=row.pair)]
        for side in sides:
            once(row, side, WARM_S, folder)
        for number in range(rounds):
            # Alternating, and each first in turn: what drifts on the machine drifts for both.
            for side in sides if number % 2 == 0 else reversed(sides):
                before = sum(proxy.cpu_us() for proxy in side.proxies)
                outcome = once(row, side, seconds, folder)
                spent = sum(proxy.cpu_us() for proxy in side.proxies) - before
                cost = spent / max(1, outcome.requests)
                samples.setdefault(side.name, []).append((cost, outcome))
                say(f"{row.name}  round {number + 1}  {side.name:8} {cost:6.1f} µs  p99 {outcome.p99_ms:.2f} ms")
        return {"name": row.name, "proxies": {side.name: summary(side, samples[side.name]) for side in sides}}
    finally:
        for side in sides:
            side.stop()


def once(row: Row, side: Mesh | Envoy, seconds: float, folder: Path) -> load.Outcome:
    """Load one side once."""
    port = side.entry[row.port]
    return load.http1(port, seconds) if row.port == "http" else load.grpc(port, seconds, folder)


def summary(side: Mesh | Envoy, samples: list[tuple[float, load.Outcome]]) -> dict[str, Any]:
    """Return the medians of a side's rounds, and the memory of one of its processes after them."""
    memory = [proxy.memory_kib() for proxy in side.proxies]
    outcomes = [outcome for _, outcome in samples]
    return {
        "cpu_us_per_request": round(median(cost for cost, _ in samples), 2),
        "p50_ms": round(median(outcome.p50_ms for outcome in outcomes), 3),
        "p99_ms": round(median(outcome.p99_ms for outcome in outcomes), 3),
        "rss_kib": round(sum(rss for rss, _ in memory) / len(memory)),
        "private_kib": round(sum(private for _, private in memory) / len(memory)),
        "errors": sum(outcome.errors for outcome in outcomes),
        "requests": sum(outcome.requests for outcome in outcomes),
    }
