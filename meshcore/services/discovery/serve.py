"""Discovery and inventory over gRPC: sidecars register and watch targets, launchers report, people look.

The server puts `Discovery` on the mutual-TLS listener and `Inventory` on the Unix socket, both over one `Registry`.
What a target means is resolve.py's; who may say what is the server's interceptor's.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import grpc

from meshcore.services.discovery.elsewhere import Elsewhere
from meshcore.services.discovery.inventory import Behind, Proxies, asked, rows
from meshcore.services.discovery.registry import Registry, ServiceKey, Uplink
from meshcore.services.discovery.resolve import View
from meshcore.services.discovery.topic import Topic, Topics
from meshcore.wire import common_pb2, discovery_pb2, discovery_pb2_grpc
from meshcore.wire.ids import Target, is_label, parse_address, parse_target
from meshcore.wire.kinds import parse_kind
from meshcore.wire.version import OLDEST, PROTOCOL, VERSION, meet

if TYPE_CHECKING:
    from meshcore.wire.discovery_pb2_grpc import _ServicerContext as Context

log = logging.getLogger("meshcore.discovery")

SETTLE_S = 3.0  # after a restart, how long sidecars have to register again before anybody is told of their absence
STABLE_S = 0.5  # endpoints that did not change for so long are believed earlier
EXPIRE_S = 1.0
BURST_S = 0.1  # changes to the inventory that come closer together are told together
FRESH_MS = 200
MAX_PODS = 10_000
MAX_PORTS = 100
MAX_ADDRESSES = 16


class Discovery(discovery_pb2_grpc.DiscoveryServicer):
    """Presence and endpoints. `look` says what a target means, `zone` in which zone a pod is (empty: nobody knows).

    `clock` is monotonic seconds; `settle`: this is a restart, and sidecars may still know more than we do.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        look: Callable[[Target], View],
        proven: Callable[["Context"], str],
        clock: Callable[[], float],
        settle: bool,
        zone: Callable[[str, str], str] = lambda namespace, pod: "",
    ) -> None:
        self.registry = registry
        self._proven = proven
        self._clock = clock
        self._zone = zone
        self._settled = clock() + (SETTLE_S if settle else 0.0)
        self._closing = False
        self._topics = Topics(look)

    def close(self) -> None:
        """Tell nobody anything any more: streams that end because we stop say nothing about the sidecars."""
        self._closing = True

    def touch(self, services: set[ServiceKey]) -> None:
        """Look again at every target of these services."""
        self._topics.touch(services)

    def redeclared(self) -> None:
        """Look again at every target: what the mesh's description declares has changed."""
        self._topics.touch_all()

    async def run(self) -> NoReturn:
        """Let go of launchers that stayed away, until cancelled."""
        while True:
            await asyncio.sleep(EXPIRE_S)
            self.registry.expire()

    async def Register(
        self, request_iterator: AsyncIterator[discovery_pb2.Registration], context: "Context"
    ) -> AsyncIterator[discovery_pb2.RegistrationReply]:
        """Hold a sidecar's presence for as long as its stream lasts."""
        uplink: Uplink | None = None
        try:
            async for message in request_iterator:
                instance = message.instance if message.HasField("instance") else None
                if instance is not None:
                    await self._check(instance, context)
                if uplink is None:
                    if instance is None:
                        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the first message names the instance")
                    uplink = self.registry.connect(instance, self._proven(context))
                    log.info("sidecar connected", extra=_names(instance))
                    if message.draining:
                        self.registry.update(uplink, None, draining=True)
                    zone = self._zone(uplink.instance.namespace, uplink.instance.pod)
                    yield discovery_pb2.RegistrationReply(server_version=VERSION, protocol=PROTOCOL, zone=zone)
                    continue
                if instance is not None and (instance.namespace, instance.pod) != (
                    uplink.instance.namespace,
                    uplink.instance.pod,
                ):
                    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "one stream is for one instance")
                self.registry.update(uplink, instance, draining=message.draining)
        finally:
            if uplink is not None and not self._closing:
                self.registry.disconnect(uplink)
                log.info("sidecar disconnected", extra=_names(uplink.instance))

    async def Watch(
        self, request: discovery_pb2.WatchRequest, context: "Context"
    ) -> AsyncIterator[discovery_pb2.EndpointsUpdate]:
        """Tell the endpoints of a target, then each change."""
        target = parse_address(request.target) or parse_target(request.target, request.namespace)
        if target is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{request.target!r:.300} does not name a service")
        event = asyncio.Event()
        topic = self._topics.join(target, event)
        sent: View | None = None
        try:
            await self._settle(topic, event)
            while True:
                update = topic.update(sent)
                sent = topic.view()
                if update is not None:
                    yield update
                await event.wait()
                event.clear()
        finally:
            self._topics.leave(topic, event)

    async def _settle(self, topic: Topic, event: asyncio.Event) -> None:
        """After a restart, wait until the first answer would not miss who is just coming back."""
        while (left := self._settled - self._clock()) > 0:
            if topic.view().endpoints and not self._awaited(topic.target):
                left = min(left, self.registry.changed_at + STABLE_S - self._clock())
                if left <= 0:
                    return
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), left)
            event.clear()

    def _awaited(self, target: Target) -> bool:
        """Tell whether a sidecar of the service is to come back, or its launcher to say whether it is ready."""
        entries = self.registry.service((target.namespace, target.name))
        return not self.registry.reported or any(entry.meshed and entry.uplink is None for entry in entries)

    async def _check(self, instance: discovery_pb2.Instance, context: "Context") -> None:
        if not (is_label(instance.namespace) and is_label(instance.name) and instance.pod):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "an instance needs a namespace, a name and a pod")
        if max(len(instance.ports), len(instance.skipped)) > MAX_PORTS:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"an instance has at most {MAX_PORTS} ports")
        if len(instance.addresses) > MAX_ADDRESSES:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"an instance has at most {MAX_ADDRESSES} addresses")
        if not meet(instance.protocol, instance.oldest_protocol):
            await context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"this control plane ({VERSION}) speaks wire protocol {OLDEST} to {PROTOCOL}, the sidecar "
                f"({instance.proxy_version}) {_range(instance)}; upgrade one version at a time",
            )
        instance.kind = _canonical(instance.kind)


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
                    status.kind = _canonical(status.kind)
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


def _range(instance: discovery_pb2.Instance) -> str:
    lowest, highest = instance.oldest_protocol or instance.protocol, instance.protocol
    return str(highest) if lowest == highest else f"{lowest} to {highest}"


def _canonical(kind: str) -> str:
    known = parse_kind(kind) if kind else None
    return known.name if known else kind.lower() or "deployment"


def _names(instance: discovery_pb2.Instance) -> dict[str, dict[str, str]]:
    return {"fields": {"namespace": instance.namespace, "pod": instance.pod}}
