"""What a control plane is in either home: its services, what each is given of the others, and its word about them.

plane.py (a machine of its own) and cluster.py (Kubernetes) make one, and say where workloads, endpoints and
certificates come from.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import grpc
from cryptography import x509

from meshcore.patience import at_once
from meshcore.pki.authority import LEAF_LIFE, utc
from meshcore.server.access import caller
from meshcore.server.check import Facts, Span, check
from meshcore.server.control import Control
from meshcore.server.gauge import Gauge, rss_bytes
from meshcore.services.discovery.inventory import Inventory
from meshcore.services.discovery.registry import Registry
from meshcore.services.discovery.resolve import View
from meshcore.services.discovery.rows import Behind
from meshcore.services.discovery.serve import Discovery
from meshcore.services.identity.serve import Identity, Noted, Redeem, Told, unnoted, untold
from meshcore.services.identity.serving import Serving
from meshcore.services.identity.store import Store
from meshcore.services.policy.serve import Policy
from meshcore.services.stats.answer import StatsQuery
from meshcore.services.stats.serve import Stats
from meshcore.services.stats.store import Store as Counts
from meshcore.services.tap.serve import Reach, Switchboard, Tap, TapQuery, nowhere
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
from meshcore.wire.ids import Target
from meshcore.wire.version import VERSION

TICK_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Home:
    """What differs between homes. `services()` are (namespace, name) of all services, `namespaces()` all namespaces."""

    name: str  # local or kubernetes
    mesh: str
    trust_domain: str
    node: str
    settle: bool  # this is a restart: sidecars out there know more than we do
    look: Callable[[Target], View]
    services: Callable[[], Iterable[tuple[str, str]]]
    namespaces: Callable[[], Iterable[str]]
    default_namespace: Callable[[], str]
    redeem: Redeem
    zone: Callable[[str, str], str] = lambda namespace, pod: ""
    read: Callable[[], Awaitable[None]] = at_once  # waits until what `look` answers from was read once
    behind: Behind | None = None
    told: Told = untold
    noted: Noted = unnoted
    note: Callable[[], str] = lambda: ""  # which other replicas do not answer
    replicas: Callable[[], int] = lambda: 1  # that answer, this one too
    reach: Reach = nowhere  # holds a tap open at the other replicas
    life: Callable[[], timedelta] = lambda: LEAF_LIFE  # of sidecars' certificates


class Core:
    """The services of one control plane."""

    def __init__(
        self, home: Home, *, registry: Registry, store: Store, serving: Serving, policy: Policy, counts: Counts
    ) -> None:
        self.home = home
        self.registry = registry
        self.store = store
        self.serving = serving
        self.policy = policy
        self.counts = counts
        self._started_ms = wall_ms()
        self._gauge = Gauge()
        self._proxies: dict[tuple[str, str], discovery_pb2.ProxyStatus] = {}
        self.discovery = Discovery(
            registry,
            look=home.look,
            zone=home.zone,
            read=home.read,
            proven=lambda context: str(caller(context) or ""),
            clock=time.monotonic,
            settle=home.settle,
        )
        self.inventory = Inventory(
            registry,
            proxies=lambda namespace, pod: self._proxies.get((namespace, pod)),
            trust_domain=home.trust_domain,
            node=home.node,
            wall_ms=wall_ms,
            behind=home.behind,
            reports=home.name == "local",
            note=home.note,
        )
        self.taps = Switchboard(pods=self.inventory.pods, clock=time.time, reach=home.reach, note=home.note)
        self.identity = Identity(
            store,
            serving,
            home.redeem,
            trust_domain=home.trust_domain,
            caller=caller,  # None on the port for strangers, which asks for no certificate: there, only a token helps
            clock=time.time,
            told=home.told,
            noted=home.noted,
            life=home.life,
        )
        self.control = Control(home.mesh, home=home.name, status=self.status, check=self.check)
        self.stats_query = StatsQuery(
            counts,
            pods=self.inventory.pods,
            services=home.services,
            clock=time.time,
            settle=home.settle,
            note=home.note,
        )
        self.tap_query = TapQuery(self.taps)
        policy.changed = self.discovery.redeclared

    def serve_strangers(self, server: grpc.aio.Server) -> None:
        """Add what whoever has no certificate yet may ask."""
        identity_pb2_grpc.add_IdentityServicer_to_server(self.identity, server)

    def serve_sidecars(self, server: grpc.aio.Server) -> None:
        """Add what sidecars ask and tell."""
        identity_pb2_grpc.add_IdentityServicer_to_server(self.identity, server)
        discovery_pb2_grpc.add_DiscoveryServicer_to_server(self.discovery, server)
        policy_pb2_grpc.add_PolicyServicer_to_server(self.policy, server)
        stats = Stats(self.counts, caller=caller, clock=time.time, on_status=self.reported)
        stats_pb2_grpc.add_StatsServicer_to_server(stats, server)
        tap_pb2_grpc.add_TapServicer_to_server(Tap(self.taps, caller=caller), server)

    def serve_people(self, server: grpc.aio.Server) -> None:
        """Add what people ask, where whoever can reach the server may."""
        control_pb2_grpc.add_ControlServicer_to_server(self.control, server)
        discovery_pb2_grpc.add_InventoryServicer_to_server(self.inventory, server)
        stats_pb2_grpc.add_StatsQueryServicer_to_server(self.stats_query, server)
        tap_pb2_grpc.add_TapQueryServicer_to_server(self.tap_query, server)

    def answers(self) -> dict[str, Callable[[Any, Any], Any]]:
        """Return the questions of people, by gRPC method."""
        found: dict[str, Callable[[Any, Any], Any]] = {}
        for service, servicer, methods in (
            ("Control", self.control, ("Status", "WatchStatus", "Check")),
            ("StatsQuery", self.stats_query, ("Stat", "WatchStat", "Edges", "WatchEdges")),
            ("Inventory", self.inventory, ("Pods", "WatchPods")),
            ("TapQuery", self.tap_query, ("Observe", "Top")),
        ):
            for method in methods:
                found[f"/meshtui.v1.{service}/{method}"] = getattr(servicer, method)
        return found

    def status(self, namespace: str = "") -> control_pb2.StatusResponse:
        """Return the figures of a namespace, or of the whole mesh."""
        rps, success = self.counts.pulse(time.time(), namespace)
        pods = [pod for pod in self.inventory.pods() if namespace in ("", pod.status.namespace)]
        namespaces = {pod.status.namespace for pod in pods} | set(self.home.namespaces())
        if namespace:
            namespaces &= {namespace}
        return control_pb2.StatusResponse(
            time_ms=wall_ms(),
            mesh=self.home.mesh,
            home=self.home.name,
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
            series=self.counts.series,
            taps=self.taps.taps,
            default_namespace=namespace or self.home.default_namespace(),
            note=self.home.note(),
            replicas=self.home.replicas(),
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
                policy_file=str(self.policy.file or ""),
                policy_problem=self.policy.problem,
                cluster=self.home.name == "kubernetes",
                silent=self.home.note(),
            )
        )

    def loops(self) -> Sequence[Any]:
        """Return what has to be done now and then, as coroutines that end with their task."""
        return (self.identity.run(), self.discovery.run(), self.policy.run(), self._tick())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._gauge.tick()
            gone = [key for key in self._proxies if self.registry.entry(*key) is None]
            for key in gone:
                del self._proxies[key]

    def reported(self, peer: common_pb2.Peer, status: discovery_pb2.ProxyStatus) -> None:
        """Take in what a sidecar says of itself, here or at another replica; the newest word stands."""
        known = self._proxies.get((peer.namespace, peer.pod))
        if known is None or status.time_ms >= known.time_ms:
            self._proxies[peer.namespace, peer.pod] = status


def wall_ms() -> int:
    """Return Unix time in ms."""
    return int(time.time() * 1000)


def _span(certificate: x509.Certificate) -> Span:
    start: datetime = certificate.not_valid_before_utc
    return Span(start, certificate.not_valid_after_utc)
