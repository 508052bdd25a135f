"""Discovery over gRPC: sidecars register and watch targets.

The server puts `Discovery` on the mutual-TLS listener, over the Registry that inventory.py is over, too. What a target
means is resolve.py's; who may say what is the server's interceptor's.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import grpc

from meshcore.patience import at_once, patiently
from meshcore.services.discovery.registry import Registry, ServiceKey, Uplink
from meshcore.services.discovery.resolve import View
from meshcore.services.discovery.rows import canonical
from meshcore.services.discovery.topic import Topic, Topics
from meshcore.wire import discovery_pb2, discovery_pb2_grpc
from meshcore.wire.ids import Target, is_label, parse_address, parse_target
from meshcore.wire.version import OLDEST, PROTOCOL, VERSION, meet

if TYPE_CHECKING:
    from meshcore.wire.discovery_pb2_grpc import _ServicerContext as Context

log = logging.getLogger("meshcore.discovery")

SETTLE_S = 3.0  # after a restart, how long sidecars have to register again before anybody is told of their absence
STABLE_S = 0.5  # endpoints that did not change for so long are believed earlier
EXPIRE_S = 1.0
LOCATE_S = 1.0  # how soon a zone that nobody knew is looked for again; then ever more rarely
MAX_PORTS = 100
MAX_ADDRESSES = 16


class Discovery(discovery_pb2_grpc.DiscoveryServicer):
    """Presence and endpoints. `look` says what a target means, `zone` in which zone a pod is (empty: nobody knows).

    `clock` is monotonic seconds; `settle`: this is a restart, and sidecars may still know more than we do. `read` waits
    until what `look` answers from was read once: before that, sidecars go on with what they know.
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
        read: Callable[[], Awaitable[None]] = at_once,
    ) -> None:
        self.registry = registry
        self._proven = proven
        self._clock = clock
        self._zone = zone
        self._read = read
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
        zone, wait = "", LOCATE_S
        said = patiently(request_iterator, lambda: None if zone or uplink is None else wait)
        try:
            async for message in said:
                if message is None:  # its pod may have been the first of its node that anybody heard of
                    assert uplink is not None
                    wait *= 2
                    zone = self._zone(uplink.instance.namespace, uplink.instance.pod)
                    if zone:
                        yield discovery_pb2.RegistrationReply(server_version=VERSION, protocol=PROTOCOL, zone=zone)
                    continue
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
            await said.aclose()

    async def Watch(
        self, request: discovery_pb2.WatchRequest, context: "Context"
    ) -> AsyncIterator[discovery_pb2.EndpointsUpdate]:
        """Tell the endpoints of a target, then each change."""
        target = parse_address(request.target) or parse_target(request.target, request.namespace)
        if target is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{request.target!r:.300} does not name a service")
        await self._read()
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
        instance.kind = canonical(instance.kind)


def _range(instance: discovery_pb2.Instance) -> str:
    lowest, highest = instance.oldest_protocol or instance.protocol, instance.protocol
    return str(highest) if lowest == highest else f"{lowest} to {highest}"


def _names(instance: discovery_pb2.Instance) -> dict[str, dict[str, str]]:
    return {"fields": {"namespace": instance.namespace, "pod": instance.pod}}
