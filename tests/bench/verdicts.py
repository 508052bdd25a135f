"""What a row's figures come to: ours beside the best of the proxies we are compared with, and whether goals are met.

Ratios are medians of each round's ratio, so that what slows the machine for one round slows both sides of it. HAProxy
is shown and not compared with: it is no mesh.
"""

from statistics import median
from typing import Any, NamedTuple

from tests.bench.mesh import Mesh
from tests.bench.rows import Goals, Row

OURS = Mesh.name
RIVALS = ("envoy", "linkerd2-proxy")


class Verdict(NamedTuple):
    """One figure of ours, judged. `below`: the goal itself is not good enough."""

    what: str
    value: float
    goal: float | None = None
    below: bool = False

    @property
    def met(self) -> bool | None:
        """Tell whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.value < self.goal if self.below else self.value <= self.goal


def judge(row: Row, result: dict[str, Any]) -> list[Verdict]:
    """Return the verdicts on a measured row, as far as it was measured."""
    proxies, goals = result["proxies"], row.goals
    if row.state:
        on, off = proxies[f"{OURS}+{row.state}"], proxies[OURS]
        return [Verdict("on/off", _ratio(on["cpu_us_rounds"], off["cpu_us_rounds"]), goals.state)]
    ours, rivals = proxies[OURS], [proxies[name] for name in RIVALS if name in proxies]
    found = []
    if rivals:
        best = min(rivals, key=lambda rival: rival["cpu_us"])
        found.append(Verdict("CPU", _ratio(ours["cpu_us_rounds"], best["cpu_us_rounds"]), goals.cpu))
    if "added_p99_ms" in ours:
        found.append(Verdict("p99 ms", ours["added_p99_ms"], goals.added_p99_ms, below=True))
    if rivals and goals != Goals():
        found.append(Verdict("private", _least(ours, rivals, "idle_private_kib"), goals.private))
        resident = max(_least(ours, rivals, f"{when}_resident_kib") for when in ("idle", "loaded"))
        found.append(Verdict("resident", resident, goals.resident, below=True))
    return found


def failures(result: dict[str, Any]) -> list[str]:
    """Return a line for each proxy, or the origin itself, that answered wrongly or not at all."""
    sides = {"direct": result["direct"] or {"errors": 0}, **result["proxies"]}
    return [
        f"{result['name']}: {name}: {found['errors']} of {found['requests']} failed {found['said']}".rstrip()
        for name, found in sides.items()
        if found["errors"]
    ]


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return round(median(one / other for one, other in zip(ours, theirs, strict=True)), 3)


def _least(ours: dict[str, Any], rivals: list[dict[str, Any]], name: str) -> float:
    return round(float(ours[name] / min(rival[name] for rival in rivals)), 3)
