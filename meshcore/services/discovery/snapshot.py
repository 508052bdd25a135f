"""A cluster as discovery sees it: one snapshot, kept by watches, that all questions for targets are answered from.

`take_*` are told each change of a record (records.py) and return the targets that it touches, as keys of their topics:
(namespace, service), and ("", address) for whoever dials an address. locate.py answers. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshcore.services.discovery.records import Key, Namespace, Pod, Service, Slice
from meshcore.wire.discovery_pb2 import STOPPING

Touched = set[Key]


@dataclass(slots=True)
class Snapshot:
    """All services, slices, pods and namespaces, and the ways to find one by what it is called by."""

    services: dict[Key, Service] = field(default_factory=dict)
    pods: dict[Key, Pod] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    slices: dict[Key, dict[str, Slice]] = field(default_factory=dict)  # by service
    service_at: dict[str, Key] = field(default_factory=dict)  # by address
    pod_at: dict[str, Key] = field(default_factory=dict)
    _behind: dict[Key, set[Key]] = field(default_factory=dict)  # pod -> services

    def take_service(self, old: Service | None, new: Service | None) -> Touched:
        """Take in a change of a Service."""
        touched: Touched = set()
        for each in (old, new):
            if each is not None:
                touched |= {(each.namespace, each.name), *(("", ip) for ip in each.addresses)}
        if old is not None:
            self.services.pop((old.namespace, old.name), None)
            for ip in old.addresses:
                if self.service_at.get(ip) == (old.namespace, old.name):  # another may have got it since
                    del self.service_at[ip]
        if new is not None:
            self.services[new.namespace, new.name] = new
            for ip in new.addresses:
                self.service_at[ip] = (new.namespace, new.name)
        return touched

    def take_slice(self, old: Slice | None, new: Slice | None) -> Touched:
        """Take in a change of an EndpointSlice."""
        touched: Touched = set()
        if old is not None:
            key = (old.namespace, old.service)
            held = self.slices.get(key, {})
            held.pop(old.name, None)
            if not held:
                self.slices.pop(key, None)
            self._unlink(old, held)
            touched |= self._of_service(key)
        if new is not None and new.service:
            key = (new.namespace, new.service)
            self.slices.setdefault(key, {})[new.name] = new
            for place in new.places:
                if place.pod is not None:
                    self._behind.setdefault(place.pod, set()).add(key)
            touched |= self._of_service(key)
        return touched

    def take_pod(self, old: Pod | None, new: Pod | None) -> Touched:
        """Take in a change of a Pod; only what an endpoint says of it concerns those who dial."""
        for each in (old, new):
            if each is not None and each.addresses and _seen(old) != _seen(new):
                break
        else:
            self._keep_pod(old, new)
            return set()
        self._keep_pod(old, new)
        touched: Touched = set()
        for each in (old, new):
            if each is not None:
                touched |= {("", ip) for ip in each.addresses}
                for key in self._behind.get((each.namespace, each.name), ()):
                    touched |= self._of_service(key)
        return touched

    def take_namespace(self, old: Namespace | None, new: Namespace | None) -> Touched:
        """Take in a change of a Namespace: its opaque ports are those of all its services."""
        name = (new or old).name if new or old else ""  # type: ignore[union-attr]
        if new is None:
            self.namespaces.pop(name, None)
        else:
            self.namespaces[name] = new
        if (old.opaque if old else None) == (new.opaque if new else None):
            return set()
        touched: Touched = set()
        for key in self.services:
            if key[0] == name:
                touched |= self._of_service(key)
        return touched | {("", ip) for pod in self.pods.values() if pod.namespace == name for ip in pod.addresses}

    def behind(self, namespace: str, service: str) -> set[str]:
        """Return the names of the pods behind a service."""
        slices = self.slices.get((namespace, service), {}).values()
        return {place.pod[1] for each in slices for place in each.places if place.pod is not None}

    def served_by(self, namespace: str, pod: str) -> Iterator[tuple[Key, str, int]]:
        """Yield what a pod answers for: a service, its port's name, and the pod's own port."""
        for key in sorted(self._behind.get((namespace, pod), ())):
            ports = {
                (name, number)
                for each in self.slices.get(key, {}).values()
                if any(place.pod == (namespace, pod) for place in each.places)
                for name, number, _ in each.ports
            }
            for name, number in sorted(ports):
                yield key, name, number

    def zone_of(self, namespace: str, pod: str) -> str:
        """Return the zone that a pod's endpoints are said to be in; empty where nobody says."""
        for key in self._behind.get((namespace, pod), ()):
            for each in self.slices.get(key, {}).values():
                for place in each.places:
                    if place.pod == (namespace, pod) and place.zone:
                        return place.zone
        return ""

    # How it is done.

    def _keep_pod(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None:
            self.pods.pop((old.namespace, old.name), None)
            for ip in old.addresses:
                if self.pod_at.get(ip) == (old.namespace, old.name):
                    del self.pod_at[ip]
        if new is not None:
            key = (new.namespace, new.name)
            self.pods[key] = new
            for ip in new.addresses:
                self.pod_at[ip] = key

    def _of_service(self, key: Key) -> Touched:
        service = self.services.get(key)
        return {key, *(("", ip) for ip in service.addresses)} if service is not None else {key}

    def _unlink(self, old: Slice, left: Mapping[str, Slice]) -> None:
        key = (old.namespace, old.service)
        still = {place.pod for each in left.values() for place in each.places}
        for place in old.places:
            if place.pod is not None and place.pod not in still:
                services = self._behind.get(place.pod, set())
                services.discard(key)
                if not services:
                    self._behind.pop(place.pod, None)


def _seen(pod: Pod | None) -> tuple[object, ...]:
    """Return what an endpoint says of its pod."""
    if pod is None:
        return ()
    leaves = pod.phase == STOPPING
    return (pod.addresses, pod.meshed, pod.account, pod.kind, pod.owner, pod.skipped, pod.opaque, pod.ports, leaves)
