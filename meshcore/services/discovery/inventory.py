"""The inventory over gRPC: launchers report what they look after, people see every instance with its sidecar.

The server puts `Inventory` on the Unix socket, or behind a cluster's API server, over the Registry that serve.py is
over, too. What a row says is rows.py's; which sidecars other replicas hold, elsewhere.py's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import grpc

from meshcore.services.discovery.elsewhere import Elsewhere
from meshcore.services.discovery.registry import Registry, ServiceKey
from meshcore.services.discovery.rows import Behind, Proxies, asked, canonical, rows
from meshcore.wire import common_pb2, discovery_pb2, discovery_pb2_grpc
from meshcore.wire.ids import is_label

if TYPE_CHECKING:
    from meshcore.wire.discovery_pb2_grpc import _ServicerContext as Context

BURST_S = 0.1  # changes that come closer together are told together
FRESH_MS = 200  # how old the rows may be that an answer is made of
MAX_PODS = 10_000


class Inventory(discovery_pb2_grpc.InventoryServicer):
    """What runs, for launchers to say and people to see. `behind` says which pods stand behind a service.

    Without `reports`, launchers are not heard. `note()` says what of other replicas is missing.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        proxies: Proxies,
        trust_domain: str,
        node: str,
        wall_ms: Callable[[], int],
        behind: Behind | None = None,
        reports: bool = True,
        note: Callable[[], str] = lambda: "",
    ) -> None:
        self.registry = registry
        self.elsewhere = Elsewhere(self._touch)
        self._note = note
        self._behind = behind
        self._reports = reports
        self._proxies = proxies
        self._trust_domain = trust_domain
        self._node = node
        self._wall_ms = wall_ms
        self._watchers: set[asyncio.Event] = set()
        self._rows: list[discovery_pb2.Pod] | None = None
        self._rows_ms = 0
        registry.listen(self._touch)

    def pods(self) -> Sequence[discovery_pb2.Pod]:
        """Return every row; a moment old at most, and shared: every viewer's every question begins here."""
        now = self._wall_ms()
        if self._rows is None or not 0 <= now - self._rows_ms < FRESH_MS:
            self._rows = rows(
                self.registry,
                self._proxies,
                trust_domain=self._trust_domain,
                node=self._node,
                away=self.elsewhere.find,
            )
            self._rows_ms = now
        return self._rows

    async def Report(
        self, request_iterator: AsyncIterator[discovery_pb2.LauncherReport], context: "Context"
    ) -> AsyncIterator[discovery_pb2.LauncherReply]:
        """Take in what a launcher looks after, for as long as its stream lasts and a little longer."""
        launcher = ""
        if not self._reports:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "only Kubernetes says what runs in a cluster")
        try:
            async for report in request_iterator:
                if not launcher:
                    launcher = report.launcher
                    if not launcher:
                        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a report names its launcher")
                    self.registry.arrive(launcher)
                if len(report.instances) > MAX_PODS:
                    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"at most {MAX_PODS} instances a launcher")
                for status in report.instances:
                    if not (is_label(status.namespace) and is_label(status.name) and status.pod):
                        await context.abort(
                            grpc.StatusCode.INVALID_ARGUMENT, "an instance needs a namespace, a name and a pod"
                        )
                    status.kind = canonical(status.kind)
                self.registry.report(launcher, report.instances)
                yield discovery_pb2.LauncherReply()
        finally:
            if launcher:
                self.registry.leave(launcher)

    async def Pods(self, request: discovery_pb2.PodsRequest, context: "Context") -> discovery_pb2.PodsResponse:
        """Return the rows asked for."""
        return self._answer(request)

    async def WatchPods(
        self, request: discovery_pb2.PodsRequest, context: "Context"
    ) -> AsyncIterator[discovery_pb2.PodsResponse]:
        """Return them again at every interval, and soon after each change."""
        interval = (request.interval_ms or 1000) / 1000
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            while True:
                yield self._answer(request)
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), max(interval, BURST_S))
                    await asyncio.sleep(BURST_S)
                event.clear()
        finally:
            self._watchers.discard(event)

    def _answer(self, request: discovery_pb2.PodsRequest) -> discovery_pb2.PodsResponse:
        targets: list[common_pb2.Resource] = list(request.targets)
        pods = (pod for pod in self.pods() if asked(pod, targets, self._behind))
        return discovery_pb2.PodsResponse(time_ms=self._wall_ms(), pods=pods, note=self._note())

    def _touch(self, services: set[ServiceKey]) -> None:
        self._rows = None
        for event in self._watchers:
            event.set()
