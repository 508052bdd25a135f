"""All feeds of one sidecar, in the order in which they can begin: an identity first, then everything that needs one.

main makes one, waits for `start`, and tells it when the process drains and ends.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from agents.runtime.config import SidecarConfig
from agents.runtime.ports import parse_ports
from agents.sidecar.feeds.bundle import Bundle
from agents.sidecar.feeds.discovery import Discovery
from agents.sidecar.feeds.identity import Identity, RefusedError
from agents.sidecar.feeds.policy import Policy
from agents.sidecar.feeds.stats import Stats
from agents.sidecar.feeds.status import Status
from agents.sidecar.feeds.tap import Tap
from agents.sidecar.feeds.uplink import Uplink
from agents.sidecar.state.runtime import Runtime
from meshcore.wire import discovery_pb2, policy_pb2
from meshcore.wire.version import OLDEST, PROTOCOL, VERSION

__all__ = ["Feeds", "RefusedError"]


class Feeds:
    """What keeps a sidecar's state fresh, and carries its counters and taps out."""

    def __init__(
        self,
        runtime: Runtime,
        ports: Iterable[discovery_pb2.InstancePort],
        pid: int,
        gather: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        config: SidecarConfig = runtime.config
        log = runtime.log
        self._config = config
        self._runtime = runtime
        self._tasks: list[asyncio.Task[None]] = []
        self.uplink = Uplink(config.control_address, config.control_name, log)
        self._bundle = Bundle(config.anchors_file, runtime.certs, log)
        self._identity = Identity(
            config.identity,
            runtime.certs,
            self.uplink,
            log,
            address=config.identity_address,
            name=config.control_name,
            token=config.read_token,
            again=bool(config.token_file),
        )
        instance = discovery_pb2.Instance(
            namespace=config.namespace,
            kind=config.kind,
            name=config.name,
            pod=config.pod,
            service_account=config.account,
            zone=config.zone,
            ports=ports,
            proxy_version=VERSION,
            protocol=PROTOCOL,
            oldest_protocol=OLDEST,
            boot_id=runtime.boot_id,
            started_ms=int(time.time() * 1000),
            labels=config.labels,
            proxy_pid=pid,
        )
        if config.transparent is not None:
            instance.addresses.extend(config.transparent.addresses)
            for first, last in parse_ports(config.transparent.skip_inbound):
                instance.skipped.add(first=first, last=last)
        self._discovery = Discovery(instance, runtime.directory, self.uplink, log)
        wanted = policy_pb2.PolicyRequest(
            namespace=config.namespace, kind=config.kind, name=config.name, pod=config.pod
        )
        self._policy = Policy(wanted, runtime.rules, self.uplink, log)
        self._stats = Stats(
            runtime.me, runtime.boot_id, runtime.counters, Status(runtime), self.uplink, log, gather=gather
        )
        self._tap = Tap(runtime.me, runtime.boot_id, runtime.taps, self.uplink, log)

    @property
    def ready(self) -> bool:
        """Certified, and has been registered: from then on a lost control plane is no reason to be out of service."""
        return self._runtime.certs.ready and self._discovery.registered

    async def start(self) -> None:
        """Get an identity and begin everything else. Raises RefusedError if the control plane gives none."""
        config = self._config
        self._begin(self._stats.drain())
        await self._identity.bootstrap(self._bundle.read() or config.anchors_pem)
        self._begin(self._identity.renew())
        for name, session in (
            ("presence", self._discovery.register),
            ("trust", self._identity.trust),
            ("policy", self._policy.watch),
            ("stats", self._stats.push),
            ("tap", self._tap.attach),
        ):
            self._begin(self.uplink.keep(name, session))

    def drain(self) -> None:
        """Tell everybody that this instance takes no new work."""
        self._discovery.drain()

    async def stop(self, limit_s: float = 1.0) -> None:
        """Bring the last counters out, then end every feed."""
        if "stats" in self.uplink.up:
            await self._stats.settle(limit_s)
        self._discovery.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.uplink.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._runtime.log.error("a feed has died", exc_info=error)
