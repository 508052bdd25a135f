"""A cluster as discovery sees it: one snapshot, kept by watches, that all questions for targets are answered from.

`take_*` are told each change of a record (records.py) and return the targets that it touches, as keys of their topics:
(namespace, service), and ("", address) for whoever dials an address. locate.py answers. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from meshcore.services.discovery.records import Key, Namespace, Place, Pod, Service, Slice
from meshcore.wire.discovery_pb2 import STOPPING

Touched = set[Key]

ZONE = "topology.kubernetes.io/zone"
NODES = 20_000  # whose zones are kept; Kubernetes ends at 5,000 at a time


@dataclass(slots=True)
class Snapshot:
    """All services, slices, pods and namespaces, and the ways to find one by what it is called by."""

    services: dict[Key, Service] = field(default_factory=dict)
    pods: dict[Key, Pod] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    slices: dict[Key, dict[str, Slice]] = field(default_factory=dict)  # by service
    service_at: dict[str, Key] = field(default_factory=dict)  # by address
    pod_at: dict[str, Key] = field(default_factory=dict)
    _zones: dict[str, str] = field(default_factory=dict)  # by node, as endpoints on it say
    _behind: dict[Key, set[Key]] = field(default_factory=dict)  # pod, or address of who knows whom -> services

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
            touched |= self._of_service(key)
        if new is not None and new.service:
            key = (new.namespace, new.service)
            self.slices.setdefault(key, {})[new.name] = new
            for link in _links(new):
                self._behind.setdefault(link, set()).add(key)
            self._learn(new)
            touched |= self._of_service(key)
        if old is not None:
            self._unlink(old)
        return touched

    def take_pod(self, old: Pod | None, new: Pod | None) -> Touched:
        """Take in a change of a Pod; only what an endpoint says of it concerns those who dial."""
        self._keep_pod(old, new)
        touched: Touched = set()
        if _seen(old) == _seen(new):
            return touched
        for each in (old, new):
            if each is not None:
                addresses = {("", ip) for ip in each.addresses}
                touched |= addresses
                for link in ((each.namespace, each.name), *addresses):
                    for key in self._behind.get(link, ()):
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
        found = {self.pod_of(place) for each in slices for place in each.places}
        return {key[1] for key in found if key is not None and key[0] == namespace}

    def pod_of(self, place: Place) -> Key | None:
        """Return which pod a place is: a slice that was written by hand may say it by its address alone."""
        if place.pod is not None:
            return place.pod
        return next((self.pod_at[ip] for ip in place.addresses if ip in self.pod_at), None)

    def served_by(self, namespace: str, pod: str) -> Iterator[tuple[Key, str, int]]:
        """Yield what a pod answers for: a service, its port's name, and the pod's own port.

        Another namespace's service does not count: whoever writes a slice by hand may name any pod in it.
        """
        known = (namespace, pod)
        for key in sorted(self._services_of(known)):
            ports = {
                (name, number)
                for each in self.slices.get(key, {}).values()
                if key[0] == namespace and any(self.pod_of(place) == known for place in each.places)
                for name, number, _ in each.ports
            }
            for name, number in sorted(ports):
                yield key, name, number

    def zone_of(self, namespace: str, pod: str) -> str:
        """Return the zone that a pod is in; empty where nobody says.

        Any endpoint of its node tells, whatever it is behind itself; newer clusters say it at the pod (KEP-4742).
        """
        known = self.pods.get((namespace, pod))
        if known is not None and (found := self._zones.get(known.node) or dict(known.labels).get(ZONE)):
            return found
        for key in self._services_of((namespace, pod)):
            for each in self.slices.get(key, {}).values():
                for place in each.places:
                    if place.zone and self.pod_of(place) == (namespace, pod):
                        return place.zone
        return ""

    # How it is done.

    def _services_of(self, pod: Key) -> Touched:
        """Return the services behind which a pod is, by its name or by an address."""
        known = self.pods.get(pod)
        links = (pod, *(("", ip) for ip in (known.addresses if known is not None else ())))
        return {key for link in links for key in self._behind.get(link, ())}

    def _learn(self, new: Slice) -> None:
        """Take in which zones nodes are in."""
        if len(self._zones) > NODES:
            self._zones.clear()
        for place in new.places:
            if place.node and place.zone:
                self._zones[place.node] = place.zone

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

    def _unlink(self, old: Slice) -> None:
        """Forget what led from pods to a service by a slice that is no more, or is another by now."""
        key = (old.namespace, old.service)
        held = self.slices.get(key, {})
        gone = set(_links(old))
        # Mostly a slice says other things of the same pods.
        for each in (held[old.name], *held.values()) if old.name in held else held.values():
            if not gone:
                break
            gone.difference_update(_links(each))
        for link in gone:
            services = self._behind.get(link, set())
            services.discard(key)
            if not services:
                self._behind.pop(link, None)


def _links(each: Slice) -> Iterator[Key]:
    """Yield what leads from pods to a slice: their names, or their addresses where it does not name them."""
    for place in each.places:
        if place.pod is not None:
            yield place.pod
        else:
            yield from (("", ip) for ip in place.addresses)


def _seen(pod: Pod | None) -> tuple[object, ...]:
    """Return what an endpoint says of its pod."""
    if pod is None:
        return ()
    leaves = pod.phase == STOPPING
    return (pod.addresses, pod.meshed, pod.account, pod.kind, pod.owner, pod.skipped, pod.opaque, pod.ports, leaves)
