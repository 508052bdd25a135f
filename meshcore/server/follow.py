"""Follows a cluster: every object that the control plane looks at, from the API server to whoever needs it.

Pods become instances of the registry, as a launcher reports them on a machine; Services, slices, Pods and Namespaces
become discovery's snapshot; our kinds and Gateway routes become policy; two ConfigMaps become the injector's settings
and what is known of the front proxy.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from meshcore.inject import addresses
from meshcore.inject.decide import wants
from meshcore.inject.names import COMPONENT, CONFIG_KEY, CONFIG_MAP, CONTROLLER
from meshcore.inject.settings import Settings, SettingsError, read
from meshcore.kube.failure import KubeError
from meshcore.kube.objects import (
    CONFIG_MAPS,
    ENDPOINT_SLICES,
    GRPC_ROUTES,
    HTTP_ROUTES,
    MESH_KINDS,
    NAMESPACES,
    PODS,
    SERVICES,
    Kind,
    Object,
    metadata_of,
)
from meshcore.kube.session import Session
from meshcore.kube.version import PATH as VERSION
from meshcore.kube.version import SLEEP, Version, version_of
from meshcore.kube.watch import Watch
from meshcore.services.access.caller import CallerError, FrontProxy, front_proxy
from meshcore.services.discovery import records
from meshcore.services.discovery.registry import Registry, ServiceKey
from meshcore.services.discovery.snapshot import Snapshot
from meshcore.services.policy.attach import Attachments
from meshcore.wire.discovery_pb2 import InstancePort, InstanceStatus

log = logging.getLogger("meshcore.server")

LAUNCHER = "kubernetes"
FRONT_PROXY = ("kube-system", "extension-apiserver-authentication")
ASK_S = 2.0
VERSION_S = 600.0  # clusters are upgraded under us
RETRY_S = 10.0

Touch = Callable[[set[ServiceKey]], None]
Change = tuple[Any, Any, Any, Any]


class Cluster:
    """What is known of a cluster now."""

    def __init__(self, session: Session, registry: Registry, namespace: str, *, scoped: bool = False) -> None:
        """With `scoped`, nothing but its own namespace is looked at."""
        self.session = session
        self.snapshot = Snapshot()
        self.settings: Settings | None = None
        self.problem = ""  # of the settings
        self.front: FrontProxy | None = None
        self.version: Version | None = None  # Kubernetes'
        self.touch: Touch = lambda services: None
        self.changed: Callable[[], None] = lambda: None  # settings or front proxy
        self.replicas: dict[str, records.Pod] = {}  # the control plane's own pods, by name
        self.attachments = Attachments()
        self.ruled: Callable[[], None] = lambda: None  # what workloads have to do with traffic may have changed
        self._registry = registry
        self._namespace = namespace
        snapshot = self.snapshot
        space = namespace if scoped else None
        self._pods = Watch(session, PODS.path(space), records.pod)
        self._pods.on_change(self._pod)
        self._watches: list[Watch[Any]] = [self._pods]
        for kind, strip, take in (
            (NAMESPACES, records.namespace, snapshot.take_namespace),
            (SERVICES, records.service, snapshot.take_service),
            (ENDPOINT_SLICES, records.endpoint_slice, snapshot.take_slice),
        ):
            if kind.namespaced or not scoped:
                self._follow(Watch(session, kind.path(space), strip), take)
        if scoped:
            self.snapshot.namespaces[namespace] = records.Namespace(namespace, ())
        # Definitions of kinds are not for a mesh of one namespace to make, so it does not look for them.
        for kind in () if scoped else (*MESH_KINDS, HTTP_ROUTES, GRPC_ROUTES):
            rules: Watch[Object] = Watch(session, kind.path(), partial(_rule, kind), optional=True)
            rules.on_change(partial(self._ruled, kind.kind))
            self._watches.append(rules)
        for where, heard in (((namespace, CONFIG_MAP), self._configured), (FRONT_PROXY, self._fronted)):
            if scoped and where == FRONT_PROXY:
                continue
            only = Watch(session, CONFIG_MAPS.path(where[0]), _data, fields=f"metadata.name={where[1]}")
            only.on_change(heard)
            self._watches.append(only)

    @property
    def synced(self) -> bool:
        """Tell whether everything was read at least once."""
        return all(watch.synced.is_set() for watch in self._watches)

    async def read(self) -> None:
        """Wait until everything was read at least once."""
        for watch in self._watches:
            await watch.synced.wait()

    def resolved(self) -> Settings | None:
        """Return the settings as sidecars are to have them: with addresses instead of names where that is wanted."""
        if self.settings is None:
            return None
        wanted = [(key, self.snapshot.services.get(key)) for key in addresses.services(self.settings)]
        # One that was not read yet has none: nobody would find the control plane.
        known = {key: service.addresses[0] for key, service in wanted if service and service.addresses}
        return addresses.resolved(self.settings, known)

    @property
    def sleeps(self) -> bool:
        """Tell whether containers can be told to sleep before their end: an older API server refuses such a pod."""
        return self.version is not None and self.version >= SLEEP

    def failures(self) -> list[KubeError]:
        """Return what stands in the way of keeping up now."""
        return [watch.state.failure for watch in self._watches if watch.state.failure is not None]

    @property
    def watches(self) -> list[Watch[Any]]:
        return self._watches

    async def run(self) -> None:
        """Follow everything until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for watch in self._watches:
                tasks.create_task(watch.run())
            tasks.create_task(self._date())

    async def wants(self, namespace: str) -> Mapping[str, str]:
        """Return what a namespace wants for its pods; one made a moment ago is asked for."""
        known = self.snapshot.namespaces.get(namespace)
        if known is not None:
            return dict(known.wants)
        try:
            return wants(await self.session.get(NAMESPACES.path(name=namespace), within=ASK_S))
        except KubeError as error:
            log.warning("a namespace is not known", extra={"fields": {"namespace": namespace, "error": str(error)}})
            return {}

    async def _date(self) -> None:
        """Keep up with which Kubernetes this is."""
        told = False
        while True:
            try:
                self.version = version_of(await self.session.get(VERSION))
            except KubeError as error:
                if not told:
                    told = True
                    log.warning("the version of Kubernetes is not known", extra={"fields": {"error": str(error)}})
            await asyncio.sleep(RETRY_S if self.version is None else VERSION_S)

    def _follow(self, watch: Watch[Any], take: Callable[[Any, Any], set[ServiceKey]]) -> None:
        watch.on_change(lambda change: self._touched(take(change[2], change[3])))
        self._watches.append(watch)

    def _touched(self, services: set[ServiceKey]) -> None:
        """Tell who dials them, and who has rules for them: ports may have changed."""
        self.touch(services)
        if any(self.attachments.has(service) for service in services):
            self.ruled()

    def _ruled(self, kind: str, change: Change) -> None:
        _, key, _, new = change
        before = self.attachments.problems.get((kind, *key), "")
        opaque = self.attachments.opaque_services
        taken = self.attachments.take(kind, key, new)
        if taken.problem and taken.problem != before:
            fields = {"object": f"{kind} {'/'.join(key)}", "reason": taken.problem}
            log.warning("an object cannot be used as a whole; all others stay in force", extra={"fields": fields})
        if taken.services or taken.problem != before:
            self.ruled()
        # Whether a port is opaque is discovery's to tell those who dial it.
        self.touch(
            {each for key in taken.services & (opaque | self.attachments.opaque_services) for each in self._names(key)}
        )

    def _names(self, service: ServiceKey) -> set[ServiceKey]:
        known = self.snapshot.services.get(service)
        return {service, *(("", address) for address in (known.addresses if known is not None else ()))}

    def _pod(self, change: Change) -> None:
        _, (namespace, name), old, new = change
        touched = self.snapshot.take_pod(old, new)
        if namespace == self._namespace:  # elsewhere a pod may bear any name
            self.replicas.pop(name, None)
            if new is not None and dict(new.labels).get(COMPONENT) == CONTROLLER:
                self.replicas[name] = new
        if new is None:
            self._registry.drop(LAUNCHER, namespace, name)
        else:
            self._registry.put(LAUNCHER, status(new))
        self._touched(touched)

    def _configured(self, change: Change) -> None:
        data = change[3]
        if data is None:
            self.problem = f"there is no ConfigMap {CONFIG_MAP}"
            return
        try:
            self.settings = read(dict(data).get(CONFIG_KEY, ""))
        except SettingsError as error:
            self.problem = f"ConfigMap {CONFIG_MAP}: {error}"
            log.warning("the last good settings stay in force", extra={"fields": {"reason": self.problem}})
            return
        self.problem = ""
        self.changed()

    def _fronted(self, change: Change) -> None:
        if change[3] is None:
            return
        try:
            self.front = front_proxy(dict(change[3]))
        except CallerError as error:
            log.warning("people cannot be told apart", extra={"fields": {"reason": str(error)}})
            return
        self.changed()


def status(pod: records.Pod) -> InstanceStatus:
    """Return a pod as a launcher would report it."""
    first = next(iter(pod.addresses), "")
    ports = [InstancePort(name=name, port=number, proxy_ip=first) for name, number in pod.ports]
    return InstanceStatus(
        namespace=pod.namespace,
        kind=pod.kind,
        name=pod.owner,
        pod=pod.name,
        phase=pod.phase,
        ready=pod.ready,
        restarts=pod.restarts,
        proxy_restarts=pod.proxy_restarts,
        message=pod.message,
        meshed=pod.meshed,
        started_ms=pod.started_ms,
        ports=() if pod.meshed or not first else ports,
        service_account=pod.account,
        node=pod.node,
        unmeshed_reason="" if pod.meshed else pod.unmeshed or "runs without a sidecar: it was not injected",
        labels=dict(pod.labels),
    )


def _rule(kind: Kind, each: Object) -> Object:
    """Return an object as it was meant: without what the API server and its controllers say of it."""
    meta = metadata_of(each)
    kept = {name: meta[name] for name in ("namespace", "name", "creationTimestamp") if name in meta}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": kept, "spec": each.get("spec")}


def _data(each: Object) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each.get("data") or {}).items()))
