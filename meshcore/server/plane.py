"""The control plane of one machine: its workloads are what launchers report, its people come by a Unix socket.

serve.py starts and stops it. What it shares with a cluster's is core.py's.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import grpc

from meshcore.server.access import Access
from meshcore.server.addresses import Addresses, bind, recall, remember
from meshcore.server.core import Core, Home, wall_ms
from meshcore.server.listeners import credentials, open_control, open_identity, open_local
from meshcore.server.options import DNS_NAME, Options
from meshcore.services.discovery.registry import Registry
from meshcore.services.discovery.resolve import DeclaredPort, resolve
from meshcore.services.discovery.serve import Discovery
from meshcore.services.identity import serve as identity
from meshcore.services.identity.serving import Serving
from meshcore.services.identity.store import Store
from meshcore.services.identity.tokens import Tokens
from meshcore.services.policy.serve import Policy
from meshcore.services.stats.store import open_store
from meshcore.wire import identity_pb2_grpc
from meshcore.wire.version import VERSION

log = logging.getLogger("meshcore.server")


class Plane:
    """A local control plane. Making it opens the authority; `listen` opens the doors."""

    def __init__(self, options: Options) -> None:
        """Raises AuthorityError or OSError where the authority's folder cannot be used."""
        self.options = options
        self._before = recall(self._file)
        self._addresses = Addresses("", "")
        store = Store(options.folder / "ca", options.mesh, time.time)
        self.tokens = Tokens(time.monotonic)
        self.registry = Registry(time.monotonic, wall_ms)
        self.policy = Policy(options.config, ports=self._ports, wall_ms=wall_ms)
        home = Home(
            name="local",
            mesh=options.mesh,
            trust_domain=options.trust_domain,
            node=socket.gethostname(),
            settle=self._before is not None,
            look=partial(resolve, self.registry, self._declared),
            services=self._services,
            namespaces=lambda: {service.namespace for service in self.policy.description.services},
            default_namespace=lambda: self.policy.description.namespace,
            redeem=self.tokens.check,
        )
        self.core = Core(
            home,
            registry=self.registry,
            store=store,
            serving=Serving(store.authority, str(options.identity), (DNS_NAME,), time.time),
            policy=self.policy,
            counts=open_store(self._counts),
        )
        self.registry.listen(self.policy.touch)
        self.registry.listen(self.core.discovery.touch)

    @property
    def discovery(self) -> Discovery:
        return self.core.discovery

    async def listen(self) -> Sequence[grpc.aio.Server]:
        """Open the doors, the Unix socket last: whoever gets an answer there finds the others open."""
        strangers, sidecars = open_identity(), open_control([Access(self.options.trust_domain)])
        self.core.serve_strangers(strangers)
        self.core.serve_sidecars(sidecars)
        before = self._before or Addresses("", "")
        self._addresses = Addresses(
            await bind(before.identity, partial(self._bind, strangers, False), ip=self.options.listen),
            await bind(before.control, partial(self._bind, sidecars, True), ip=self.options.listen),
        )
        if self._before not in (None, self._addresses):
            log.warning(
                "a port was taken: sidecars that run do not find the control plane until they are restarted",
                extra={"fields": {"before": asdict(before), "now": asdict(self._addresses)}},
            )
        people = open_local(self.options.socket)
        self._serve_people(people)
        for server in (strangers, sidecars):
            await server.start()
        remember(self._file, self._addresses, mesh=self.options.mesh, version=VERSION)
        await people.start()
        return people, strangers, sidecars

    async def run(self) -> None:
        """Do what has to be done now and then, until cancelled; an error in it ends the process."""
        async with asyncio.TaskGroup() as tasks:
            for loop in self.core.loops():
                tasks.create_task(loop)
            tasks.create_task(self.core.counts.keep(self._counts))

    def _serve_people(self, server: grpc.aio.Server) -> None:
        core = self.core
        core.serve_people(server)
        local = identity.LocalIdentity(
            core.store,
            self.tokens,
            trust_domain=self.options.trust_domain,
            addresses=self._whereabouts,
            clock=time.time,
            elapsed=time.monotonic,
        )
        identity_pb2_grpc.add_LocalIdentityServicer_to_server(local, server)

    def _bind(self, server: grpc.aio.Server, mutual: bool, address: str) -> int:
        # New credentials for each try: gRPC takes them once.
        return server.add_secure_port(address, credentials(lambda: self.core.serving.current, mutual=mutual))

    @property
    def _file(self) -> Path:
        return self.options.folder / "control.json"

    @property
    def _counts(self) -> Path:
        return self.options.folder / "stats"

    def _whereabouts(self) -> identity.Addresses:
        return identity.Addresses(self._addresses.identity, self._addresses.control, self.options.identity)

    def _ports(self, namespace: str, pod: str) -> Mapping[str, int]:
        entry = self.registry.entry(namespace, pod)
        return {port.name or str(port.port): port.port for port in entry.ports} if entry else {}

    def _declared(self, namespace: str, name: str) -> Sequence[DeclaredPort] | None:
        service = self.policy.description.find(namespace, name)
        if service is None:
            return None
        return [
            DeclaredPort(port, number, bool(service.opaque & {port, str(number)})) for port, number in service.ports
        ]

    def _services(self) -> Iterable[tuple[str, str]]:
        declared = {(one.namespace, one.name) for one in self.policy.description.services if one.ports}
        return declared | {entry.service for entry in self.registry.entries() if entry.ports}
