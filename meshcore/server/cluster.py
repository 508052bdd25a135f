"""The control plane of a cluster: its workloads are what the API server tells, its people come through that too.

serve.py starts and stops it. What it shows of itself and what it shares with a machine's is core.py's; what it follows
is follow.py's, which doors it has is doors.py's.
"""

import asyncio
import json
import logging
import socket
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import grpc

from meshcore.kube.events import Recorder
from meshcore.kube.lease import Election
from meshcore.kube.needs import LEADER
from meshcore.kube.objects import DEPLOYMENTS, PODS
from meshcore.kube.review import Reviews
from meshcore.kube.session import Session
from meshcore.pki.authority import LEAF_LIFE
from meshcore.server.access import Access as Proven
from meshcore.server.core import Core, Home, wall_ms
from meshcore.server.doors import Certificates, Doors, webhooks
from meshcore.server.follow import Cluster
from meshcore.server.issuer import Issuer
from meshcore.server.listeners import credentials, open_control, open_identity, open_loopback
from meshcore.server.metrics import Collector
from meshcore.server.options import ClusterOptions
from meshcore.server.peers import Replicas
from meshcore.server.publish import Publisher
from meshcore.services.access.allow import Rbac
from meshcore.services.access.serve import Access
from meshcore.services.discovery.locate import Locator
from meshcore.services.discovery.registry import Registry
from meshcore.services.identity.keys import Keys
from meshcore.services.identity.review import Reviewed
from meshcore.services.identity.serving import Serving
from meshcore.services.identity.store import Store
from meshcore.services.injector import serve as injector
from meshcore.services.injector.review import Verdict
from meshcore.services.policy.cluster import ClusterPolicy, Served
from meshcore.services.policy.serve import Policy
from meshcore.services.stats.store import open_store
from meshcore.services.validator import serve as validator
from meshcore.wire.ids import SpiffeId

log = logging.getLogger("meshcore.server")

RENEW_S = 2.0
ACCOUNT = "meshtui-controller"


class ClusterPlane:
    """A cluster's control plane. Making it opens the authority; `listen` opens the doors."""

    def __init__(self, options: ClusterOptions, session: Session, issuer: Issuer | None, doors: Doors) -> None:
        """Without an issuer to follow, the authority is the options' folder. Raises AuthorityError or OSError."""
        self.options = options
        self.issuer = issuer
        folder = issuer.folder if issuer is not None else options.ca
        assert folder is not None
        store = Store(folder, options.namespace, time.time, ours=False)
        self.registry = Registry(time.monotonic, wall_ms)
        self.cluster = Cluster(session, self.registry, options.namespace, scoped=options.scoped)
        self.locator = Locator(self.cluster.snapshot, options.trust_domain)
        self.reviews = Reviews(session)
        self.events = Recorder(session, ACCOUNT)
        self.rules = ClusterPolicy(self.cluster.attachments, self._service_ports, self._served)
        self.policy = Policy(
            None,
            ports=lambda namespace, pod: {},
            wall_ms=wall_ms,
            compose=self.rules.compose,
            read=self.cluster.read,
        )
        self.replicas = Replicas(options)
        home = Home(
            name="kubernetes",
            mesh=options.namespace,
            trust_domain=options.trust_domain,
            node="",
            settle=False,
            look=self.locator.resolve,
            services=lambda: list(self.cluster.snapshot.services),
            namespaces=lambda: list(self.cluster.snapshot.namespaces),
            default_namespace=lambda: options.namespace if options.scoped else "default",
            redeem=(Keys(session, options.namespace) if options.scoped else Reviewed(self.reviews)).check,
            zone=self.cluster.snapshot.zone_of,
            read=self.cluster.read,
            behind=self.cluster.snapshot.behind,
            told=self._certified,
            noted=self._noted,
            note=self.replicas.circle.note,
            replicas=lambda: 1 + len(self.replicas.circle.links()),
            reach=self.replicas.relays.reach,
            life=self._life,
        )
        self.core = Core(
            home,
            registry=self.registry,
            store=store,
            serving=Serving(store.authority, str(options.identity), options.dns, time.time),
            policy=self.policy,
            counts=open_store(),
        )
        self.cluster.touch = self.core.discovery.touch
        self.cluster.changed = self._configured
        self.cluster.ruled = self._ruled
        self.locator.declared = self.cluster.attachments.opaque
        self.injector = injector.Injector(
            settings=self.cluster.resolved,
            anchors=self._anchors,
            namespace=self.cluster.wants,
            told=self._decided,
            sleeps=lambda: self.cluster.sleeps,
        )
        self.validator = validator.Validator()
        rbac = Rbac(
            self.reviews, f"ask again in a moment; `kubectl logs -n {options.namespace} deploy/{ACCOUNT}` says more"
        )
        self.access = Access(
            self.core.answers(), front=lambda: self.cluster.front, allowed=rbac.allowed, hello=self.core.control.hello
        )
        self.election = Election(session, options.namespace, LEADER, options.pod or socket.gethostname())
        self.publisher = Publisher(session, self._anchors, self.election.leading)
        self.doors = doors
        self._certificates = Certificates()
        self.leaving = False

    async def listen(self) -> list[grpc.aio.Server]:
        """Open every door; raises OSError if a port is taken."""
        options, ports = self.options, self.options.ports
        strangers, sidecars = open_identity(), open_control([Proven(options.trust_domain)])
        self.core.serve_strangers(strangers)
        self.core.serve_sidecars(sidecars)
        self.replicas.serve(self.core, sidecars)
        for name, server, port, mutual in (
            ("identity", strangers, ports.identity, False),
            ("control", sidecars, ports.control, True),
        ):
            found = credentials(lambda: self.core.serving.current, mutual=mutual)
            try:
                bound = server.add_secure_port(f"{options.listen}:{port}", found)
            except RuntimeError as error:
                raise OSError(f"cannot listen on {options.listen}:{port} ({name}): {error}") from None
            self.doors.ports[name] = bound
            await server.start()
        servers = [strangers, sidecars]
        if options.scoped:
            people = open_loopback()
            self.core.serve_people(people)
            self.doors.ports["people"] = people.add_insecure_port(f"127.0.0.1:{ports.people}")
            await people.start()
            servers.append(people)
        else:
            await self._open_to_api_server()
        self.doors.health.metrics.register(Collector(self))
        self.doors.health.unready = self.unready
        (options.folder / "control.json").write_text(json.dumps(self.doors.ports) + "\n")
        return servers

    async def _open_to_api_server(self) -> None:
        """Open what only the API server calls: the aggregated API and the webhooks."""
        self._renew()
        tls, ports = self._certificates, self.options.ports
        await self.doors.open(
            "observe", ports.observe, self.access.application(), tls.observe.listening, **self.access.handler_args
        )
        hooks = webhooks({injector.PATH: self.injector.mutate, validator.PATH: self.validator.validate})
        await self.doors.open("webhook", ports.webhook, hooks, tls.webhook.listening)

    async def run(self) -> None:
        """Do what has to be done now and then, until cancelled; an error in it ends the process."""
        async with asyncio.TaskGroup() as tasks:
            loops: list[Any] = [*self.core.loops(), self.cluster.run(), self._follow_replicas()]
            if not self.options.scoped:
                loops += [self.events.run(), self.election.run(), self.publisher.run()]
            loops += [self.issuer.run()] if self.issuer is not None else []
            for loop in (*loops, self._keep_certified()):
                tasks.create_task(loop)

    def leave(self) -> None:
        """Answer on, but to nobody twice over one connection: the next one leads to another replica."""
        self.leaving = self.doors.last = True

    async def close(self) -> None:
        """Close the HTTP doors."""
        await self.doors.close()

    def unready(self) -> Iterator[str]:
        """Yield what is missing before questions can be answered, or why no more should come."""
        if self.leaving:
            yield "it has been told to stop"
        if not self.cluster.synced:
            yield "the cluster's objects have not all been read yet"
        if self.cluster.settings is None:
            yield self.cluster.problem or "the settings have not been read yet"
        if self.cluster.front is None and not self.options.scoped:
            yield "how the API server proves itself is not known yet"
        if not self.replicas.circle.synced:
            yield "what the other replicas know has not been heard yet"

    def _anchors(self) -> str:
        return self.core.store.authority.bundle_pem.decode()

    def _life(self) -> timedelta:
        settings = self.cluster.settings
        return LEAF_LIFE if settings is None else settings.identity.leaf_life

    def _configured(self) -> None:
        self._renew()  # before it says that it is ready: the API server shows its certificate to who asks for one
        settings = self.cluster.settings
        if settings is not None and settings.proxy.opaque_ports != self.locator.opaque:
            self.locator.opaque = settings.proxy.opaque_ports
            self.core.discovery.redeclared()

    def _ruled(self) -> None:
        self.rules.renew()
        self.policy.renew()
        problems = [
            f"{kind} {'/'.join(key)}: {said}" for (kind, *key), said in self.cluster.attachments.problems.items()
        ]
        more = f" (and {len(problems) - 1} more objects)" if len(problems) > 1 else ""
        self.policy.problem = f"{problems[0]}{more}" if problems else ""

    def _service_ports(self, service: tuple[str, str]) -> list[tuple[str, int]]:
        known = self.cluster.snapshot.services.get(service)
        return [(port.name, port.number) for port in known.ports] if known is not None else []

    def _served(self, namespace: str, pod: str) -> Iterator[Served]:
        for service, name, number in self.cluster.snapshot.served_by(namespace, pod):
            own = {str(port) for named, port in self._service_ports(service) if named == name}
            yield Served(service, frozenset({name} | own) - {""}, number)

    async def _follow_replicas(self) -> None:
        await self.cluster.read()
        await self.replicas.run(self.cluster.replicas)

    async def _keep_certified(self) -> None:
        while True:
            self._renew()
            await asyncio.sleep(RENEW_S)

    def _renew(self) -> None:
        front = self.cluster.front
        self._certificates.renew(self.core.serving.current, front.ca_pem if front is not None else "")

    def _decided(self, verdict: Verdict) -> None:
        """Tell the owner of a pod that was injected, or that asked in vain."""
        if verdict.reason and not verdict.loud:
            return
        for owner in _owners(verdict):
            note = verdict.reason or "a meshtui sidecar was put in"
            self.events.record(owner, verdict.event, note, action="Inject", warning=verdict.loud)

    def _certified(self, identity: SpiffeId, reason: str) -> None:
        if self.options.scoped:  # it may write no Events
            return
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"namespace": identity.namespace, "name": identity.service_account},
        }
        # One Event for an account, however many pods it has: the recorder counts, and holds back what comes too fast.
        if reason:
            self.events.record(account, "CertificateRefused", reason, action="Certify", warning=True)
        else:
            self.events.record(account, "CertificateIssued", f"a certificate for {identity}", action="Certify")

    def _noted(self, word: str, note: str, bad: bool) -> None:
        """Tell of the issuer, where people look for the control plane: all replicas see it change, so one says so."""
        if self.options.scoped or not (bad or self.election.leading.is_set()):
            return
        deployment = DEPLOYMENTS.new(ACCOUNT, self.options.namespace)
        self.events.record(deployment, word, note, action="Rotate", warning=bad)


def _owners(verdict: Verdict) -> Iterable[dict[str, Any]]:
    """Yield what an event about a pod is attached to: its owner, which exists already; else the pod itself."""
    meta = verdict.pod.get("metadata") or {}
    for reference in meta.get("ownerReferences") or ():
        if reference.get("controller"):
            yield {
                "apiVersion": reference.get("apiVersion", ""),
                "kind": reference.get("kind", ""),
                "metadata": {
                    "namespace": verdict.namespace,
                    "name": reference.get("name", ""),
                    "uid": reference.get("uid", ""),
                },
            }
            return
    if meta.get("name"):
        yield {**PODS.new(meta["name"], verdict.namespace)}
