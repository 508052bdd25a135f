"""The whole control plane as one object: which services there are, and what each is given of the others.

serve.py starts and stops it. The page to read to know how the parts hang together.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path

import grpc
from cryptography import x509

from meshcore.server.access import Access, caller
from meshcore.server.addresses import Addresses, bind, recall, remember
from meshcore.server.check import Facts, Span, check
from meshcore.server.control import Control
from meshcore.server.gauge import Gauge, rss_bytes
from meshcore.server.listeners import credentials, open_control, open_identity, open_local
from meshcore.server.options import DNS_NAME, Options
from meshcore.services.discovery.registry import Registry
from meshcore.services.discovery.resolve import DeclaredPort, resolve
from meshcore.services.discovery.serve import Discovery, Inventory
from meshcore.services.identity import serve as identity
from meshcore.services.identity.authority import utc
from meshcore.services.identity.serving import Serving
from meshcore.services.identity.store import Store
from meshcore.services.identity.tokens import Tokens
from meshcore.services.policy.serve import Policy
from meshcore.services.stats.serve import Stats, StatsQuery, open_store
from meshcore.services.tap.serve import Switchboard, Tap, TapQuery
from meshcore.wire import (
    common_pb2,
    control_pb2,
    control_pb2_grpc,
    discovery_pb2,
    discovery_pb2_grpc,
    identity_pb2_grpc,
    policy_pb2_grpc,
    stats_pb2_grpc,
    tap_pb2_grpc,
)
from meshcore.wire.version import VERSION

log = logging.getLogger("meshcore.server")

TICK_S = 1.0


class Plane:
    """A local control plane. Making it opens the authority; `listen` opens the doors."""

    def __init__(self, options: Options) -> None:
        """Raises AuthorityError or OSError where the authority's folder cannot be used."""
        self.options = options
        self._started_ms = _wall_ms()
        self._gauge = Gauge()
        self._proxies: dict[tuple[str, str], discovery_pb2.ProxyStatus] = {}
        self._before = recall(self._file)
        self._addresses = Addresses("", "")

        self.store = Store(options.folder / "ca", options.mesh, time.time)
        self.serving = Serving(self.store.authority, str(options.identity), DNS_NAME, time.time)
        self.tokens = Tokens(time.monotonic)
        self.registry = Registry(time.monotonic, _wall_ms)
        self.policy = Policy(options.config, ports=self._ports, wall_ms=_wall_ms)
        self.discovery = Discovery(
            self.registry,
            look=partial(resolve, self.registry, self._declared),
            proven=lambda context: str(caller(context) or ""),
            clock=time.monotonic,
            settle=self._before is not None,  # a restart: sidecars out there know more than we do
        )
        self.inventory = Inventory(
            self.registry,
            proxies=lambda namespace, pod: self._proxies.get((namespace, pod)),
            trust_domain=options.trust_domain,
            node=socket.gethostname(),
            wall_ms=_wall_ms,
        )
        self.stats = open_store(self._counts)
        self.taps = Switchboard(pods=self.inventory.pods, clock=time.time)
        self.policy.changed = self.discovery.redeclared
        self.registry.listen(self.discovery.touch)
        self.registry.listen(self.policy.touch)
        self.identity = identity.Identity(
            self.store,
            self.serving,
            self.tokens,
            trust_domain=options.trust_domain,
            caller=caller,  # None on the port for strangers, which asks for no certificate: there, only a token helps
            clock=time.time,
        )

    async def listen(self) -> Sequence[grpc.aio.Server]:
        """Open the doors, the Unix socket last: whoever gets an answer there finds the others open."""
        strangers, sidecars = open_identity(), open_control([Access(self.options.trust_domain)])
        for server in (strangers, sidecars):
            identity_pb2_grpc.add_IdentityServicer_to_server(self.identity, server)
        discovery_pb2_grpc.add_DiscoveryServicer_to_server(self.discovery, sidecars)
        policy_pb2_grpc.add_PolicyServicer_to_server(self.policy, sidecars)
        stats = Stats(self.stats, caller=caller, clock=time.time, on_status=self._reported)
        stats_pb2_grpc.add_StatsServicer_to_server(stats, sidecars)
        tap_pb2_grpc.add_TapServicer_to_server(Tap(self.taps, caller=caller), sidecars)

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
        self._add_local(people)
        for server in (strangers, sidecars):
            await server.start()
        remember(self._file, self._addresses, mesh=self.options.mesh, version=VERSION)
        await people.start()
        return people, strangers, sidecars

    async def run(self) -> None:
        """Do what has to be done now and then, until cancelled; an error in it ends the process."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.identity.run())
            tasks.create_task(self.discovery.run())
            tasks.create_task(self.policy.run())
            tasks.create_task(self.stats.keep(self._counts))
            tasks.create_task(self._tick())

    def status(self, namespace: str = "") -> control_pb2.StatusResponse:
        """Return the figures of a namespace, or of the whole mesh."""
        rps, success = self.stats.pulse(time.time(), namespace)
        pods = [pod for pod in self.inventory.pods() if namespace in ("", pod.status.namespace)]
        described = self.policy.description
        namespaces = {pod.status.namespace for pod in pods} | {service.namespace for service in described.services}
        if namespace:
            namespaces &= {namespace}
        return control_pb2.StatusResponse(
            time_ms=_wall_ms(),
            mesh=self.options.mesh,
            home="local",
            version=VERSION,
            started_ms=self._started_ms,
            uplinks=sum(pod.uplink for pod in pods),
            expected=sum(pod.meshed and pod.status.phase != discovery_pb2.SUCCEEDED for pod in pods),
            rps=rps,
            success=success,
            namespaces=sorted(namespaces),
            failing=sum(pod.status.phase == discovery_pb2.FAILING for pod in pods),
            rss_bytes=rss_bytes(),
            cpu_percent=self._gauge.cpu_percent,
            series=self.stats.series,
            taps=self.taps.taps,
            default_namespace=described.namespace,
        )

    def check(self) -> control_pb2.CheckResponse:
        """Return the checks."""
        authority, presented = self.store.authority, self.serving.current
        return check(
            Facts(
                now=utc(time.time()),
                anchors=[_span(anchor) for anchor in authority.anchors],
                issuer=_span(authority.issuer),
                serving=_span(x509.load_pem_x509_certificate(presented.chain)),
                authority_problem=self.store.problem,
                pods=self.inventory.pods(),
                policy_file=str(self.options.config or ""),
                policy_problem=self.policy.problem,
            )
        )

    def _add_local(self, people: grpc.aio.Server) -> None:
        control = Control(self.options.mesh, status=self.status, check=self.check)
        control_pb2_grpc.add_ControlServicer_to_server(control, people)
        local = identity.LocalIdentity(
            self.store,
            self.tokens,
            trust_domain=self.options.trust_domain,
            addresses=self._whereabouts,
            clock=time.time,
            elapsed=time.monotonic,
        )
        identity_pb2_grpc.add_LocalIdentityServicer_to_server(local, people)
        discovery_pb2_grpc.add_InventoryServicer_to_server(self.inventory, people)
        query = StatsQuery(
            self.stats,
            pods=self.inventory.pods,
            services=self._services,
            clock=time.time,
            settle=self._before is not None,
        )
        stats_pb2_grpc.add_StatsQueryServicer_to_server(query, people)
        tap_pb2_grpc.add_TapQueryServicer_to_server(TapQuery(self.taps), people)

    def _bind(self, server: grpc.aio.Server, mutual: bool, address: str) -> int:
        # New credentials for each try: gRPC takes them once.
        return server.add_secure_port(address, credentials(lambda: self.serving.current, mutual=mutual))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._gauge.tick()
            gone = [key for key in self._proxies if self.registry.entry(*key) is None]
            for key in gone:
                del self._proxies[key]

    @property
    def _file(self) -> Path:
        return self.options.folder / "control.json"

    @property
    def _counts(self) -> Path:
        return self.options.folder / "stats"

    def _whereabouts(self) -> identity.Addresses:
        return identity.Addresses(self._addresses.identity, self._addresses.control, self.options.identity)

    def _reported(self, peer: common_pb2.Peer, status: discovery_pb2.ProxyStatus) -> None:
        self._proxies[peer.namespace, peer.pod] = status

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


def _span(certificate: x509.Certificate) -> Span:
    start: datetime = certificate.not_valid_before_utc
    return Span(start, certificate.not_valid_after_utc)


def _wall_ms() -> int:
    return int(time.time() * 1000)
