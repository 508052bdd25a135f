"""The result as a table that a person reads, at most 120 columns wide: verdicts on the left, what was measured beside.

Pure: `__main__` prints it, `readme` puts it between the README's markers.
"""

from itertools import zip_longest
from typing import Any

from tests.bench.rows import RATE, ROWS
from tests.bench.verdicts import Verdict, judge

LEGEND = f"""\
CPU: ours / best of Envoy and linkerd2-proxy, per unit of work, in the same rounds. P50, P99, P99.9: ms added to a
direct connection at {RATE:,}/s, or at the rate told below the row's name. PRIVATE, RESIDENT: MiB of one process,
idle/loaded; OURS is ours / best, as for CPU. tap and routes: ours beside ours, without and with, for nobody else has
such a state. ✓ and ✗: whether the goal is met."""
HEAD = (
    "ROW", "OURS", "", "GOAL", "", "PROXY", "CPU µs", "RATE/s", "P50", "P99", "P99.9", "PRIVATE", "RESIDENT",
)  # fmt: skip
_LEFT = {0, 1, 3, 4, 5}  # columns of words


def render(results: list[dict[str, Any]]) -> str:
    """Return the table with its legend."""
    lines: list[tuple[str, ...]] = [HEAD]
    known = {row.name: row for row in ROWS}
    for result in results:
        verdicts = judge(known[result["name"]], result)
        rate = known[result["name"]].rate
        slower = [f"  at {rate}/s"] if rate != RATE and result.get("direct") else []
        names = (result["name"], f"  per {result['unit']}", *slower)
        blocks = (names, verdicts, result["proxies"].items())
        for name, verdict, proxy in zip_longest(*blocks):
            lines.append((name or "", *_verdict(verdict), *(_proxy(*proxy) if proxy else ("",) * 8)))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join((*(_line(line, widths) for line in lines), "", LEGEND))


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    made = (
        cell.ljust(width) if i in _LEFT else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(made).rstrip()


def _verdict(verdict: Verdict | None) -> tuple[str, str, str, str]:
    if verdict is None:
        return "", "", "", ""
    digits = 3 if verdict.goal is not None and verdict.value != round(verdict.value, 2) == verdict.goal else 2
    value = f"{verdict.value:.{digits}f}"
    if verdict.goal is None:
        return verdict.what, value, "", ""
    return verdict.what, value, f"{'<' if verdict.below else '≤'} {verdict.goal:g}", "✓" if verdict.met else "✗"


def _proxy(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    added = (_milliseconds(found.get(f"added_{which}_ms")) for which in ("p50", "p99", "p999"))
    memory = (
        f"{found[f'idle_{which}_kib'] / 1024:.0f}/{found[f'loaded_{which}_kib'] / 1024:.0f}"
        for which in ("private", "resident")
    )
    return (name, f"{found['cpu_us']:.1f}", f"{found['rate']:,.0f}", *added, *memory)


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
