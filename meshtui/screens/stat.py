"""Golden metrics of namespaces, workloads, pods and services: the table that the whole product starts from.

Enter drills namespace, deployment, pods, tap.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from meshcore.wire.common_pb2 import Class
from meshcore.wire.kinds import WORKLOADS
from meshtui import keys
from meshtui.columns import stat, trend
from meshtui.columns.tap import grpc_status
from meshtui.messages import ViewAsked
from meshtui.model import figures
from meshtui.model.cell import Column
from meshtui.model.scope import Scope, plural
from meshtui.model.table import FLEX_MAX
from meshtui.pump import Opener
from meshtui.screens.table import TableView

TITLES = {
    "p50": "P50",
    "p95": "P95",
    "p99": "P99",
    "tcp": "TCP",
    "read": "READ/S",
    "write": "WRITE/S",
}


class StatView(TableView):
    """A stat table of one kind."""

    BINDINGS = keys.bindings("workload")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("workload", "table", "view", "app")
    NAME = "stat"
    FLEX = "trend"

    def columns(self) -> Sequence[Column[Any]]:
        return columns(self.scope, ascii=self.scene.ascii)

    def key(self, row: Any) -> str:
        return f"{row.resource.namespace}/{row.resource.name}"

    def label(self, row: Any) -> str:
        return str(row.resource.name)

    def sources(self) -> dict[str, Opener]:
        return {"stat": lambda: self.mesh.stat(self.scope)}

    def crumb(self) -> str:
        return f"{plural(self.scope.kind)}" + (f" {self.scope.title()}" if self.scope.owner else "")

    def heading(self) -> str:
        words = plural(self.scope.kind)
        return words if self.scope.kind == "namespace" else f"{words} {self.scope.title()}"

    def drill(self, row: Any) -> tuple[str, Scope] | None:
        return drill(self.scope.kind, row)

    def action_describe(self) -> None:
        row, of = self.grid.row, self.subject()
        if row is not None and of is not None:
            whose = {"namespace": None, "pod": of}.get(of.kind, _pods(of))
            self.post_message(ViewAsked("describe", self.scope, title=self.label(row), facts=facts(row), of=whose))

    def subject(self) -> Scope | None:
        """Return the cursor's row as the scope of another view."""
        return None if self.grid.row is None else subject(self.scope.kind, self.grid.row)

    def subjects(self) -> Scope | None:
        """Return all marked rows as the scope of another view; where none is marked, the cursor's."""
        found = [subject(self.scope.kind, row) for row in self.chosen()]
        return replace(found[0], also=tuple((each.namespace, each.name) for each in found[1:])) if found else None

    def action_tap(self) -> None:
        self._go("tap", self.subjects())

    def action_top(self) -> None:
        self._go("top", self.subjects())

    def action_edges(self) -> None:
        self._go("edges", self.subject())

    def action_graph(self) -> None:
        self._go("graph", self.subject())

    def action_logs(self) -> None:
        self._go("logs", self.subject())

    def action_pods(self) -> None:
        scope = self.subject()
        if scope is None:
            return
        if scope.kind == "namespace":
            self.post_message(ViewAsked("stat", Scope("pod", scope.name)))
        elif scope.kind != "pod":
            self.post_message(ViewAsked("stat", _pods(scope)))

    def _go(self, view: str, scope: Scope | None) -> None:
        if scope is not None:
            self.post_message(ViewAsked(view, scope))


def columns(scope: Scope, *, ascii: bool = False) -> list[Column[Any]]:
    """Return the stat columns with trend, under headings that fit a screen."""
    found = stat.columns(scope.kind, namespaced=not scope.namespace)
    found = [replace(column, title=TITLES.get(column.key, column.title)) for column in found]
    found = trend.with_trend(found, width=FLEX_MAX, ascii=ascii)
    # an arrow may stand after these figures: the heading keeps clear of its place
    return [replace(each, title=each.title + "  ") if each.key in ("success", "p95") else each for each in found]


def subject(kind: str, row: Any) -> Scope:
    """Return a stat row as a scope."""
    if kind == "namespace":
        return Scope("namespace", row.resource.name, row.resource.name)
    return Scope(kind, row.resource.namespace, row.resource.name)


def facts(row: Any) -> list[tuple[str, str]]:
    """Return what is known of a stat row, with the exact counts behind its figures."""
    pairs = [("Name", row.resource.name), ("Kind", row.resource.kind)]
    if row.resource.namespace:
        pairs.append(("Namespace", row.resource.namespace))
    if row.status:
        pairs.append(("Status", row.status))
    if row.has_mesh:
        failing = f", {row.failing} failing" if row.failing else ""
        pairs.append(("Meshed", f"{row.meshed} of {row.running} running{failing}"))
    if row.HasField("http"):
        http = row.http
        good = figures.percent(figures.share(http.success, http.failure))
        pairs += [
            ("Requests", f"{http.success + http.failure} in the window, {figures.rate(http.rps)}/s"),
            ("Success", f"{good} ({http.success} succeeded, {http.failure} failed)"),
            ("Latency", " ".join(f"p{q} {figures.latency(getattr(http, f'p{q}_ms'))}" for q in (50, 95, 99))),
            ("Samples", str(http.samples)),
        ]
        statuses = sorted(http.statuses, key=lambda each: -each.count)
        pairs += [("" if i else "Outcomes", _outcome(each)) for i, each in enumerate(statuses)]
    if row.HasField("tcp"):
        tcp = row.tcp
        pairs.append(("TCP", f"{tcp.open} open, {tcp.opened} opened in the window"))
        pairs.append(("Bytes", f"{figures.size(tcp.read_bps)}/s read, {figures.size(tcp.write_bps)}/s written"))
    return pairs


def _outcome(each: Any) -> str:
    what = grpc_status(each.grpc_status) if each.HasField("grpc_status") else str(each.status or each.error or "none")
    sign = "× " if each.classification == Class.FAILURE else "√ "
    return f"{each.count:>8}  {sign}{what}" + (f" ({each.error})" if each.error and each.status else "")


def drill(kind: str, row: Any) -> tuple[str, Scope]:
    """Return where enter leads from a row of this kind."""
    scope = subject(kind, row)
    if kind == "namespace":
        return "stat", Scope("deployment", scope.name)
    if kind == "service" or kind in WORKLOADS:
        return "stat", _pods(scope)
    return "tap", scope


def _pods(scope: Scope) -> Scope:
    return Scope("pod", scope.namespace, owner_kind=scope.kind, owner=scope.name)
