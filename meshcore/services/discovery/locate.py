"""What a target means in a cluster: the service or the pod it names, and the endpoints that are in service.

ClusterIP:port, pod IP:port, name.namespace with a port's number or name, headless and external names, in both families.
serve.py asks for each topic that a change touched. Pure.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from meshcore.services.discovery.records import Namespace, Place, Pod, Ranges, Service, ServicePort, ranges
from meshcore.services.discovery.resolve import UNSAID, WELL_KNOWN, View
from meshcore.services.discovery.snapshot import Snapshot
from meshcore.wire.common_pb2 import GRPC, HTTP1, HTTP2, PROTOCOL_UNKNOWN, TCP, Peer, Protocol
from meshcore.wire.discovery_pb2 import STOPPING, Endpoint, ServiceRef
from meshcore.wire.ids import SpiffeId, Target, join

Declared = Callable[..., bool]  # (service, *names of a port): a policy says that it is opaque

_PROTOCOLS: Mapping[str, Protocol.ValueType] = {
    "http": HTTP1,
    "http1": HTTP1,
    "kubernetes.io/h2c": HTTP2,
    "kubernetes.io/ws": HTTP1,
    "h2c": HTTP2,
    "http2": HTTP2,
    "grpc": GRPC,
    "tcp": TCP,
}

MADE = 20_000  # endpoints that are kept: of a large service only one changes at a time


class _Made(NamedTuple):
    """An endpoint, and what it was made of."""

    pod: Pod | None
    above: Namespace | None
    opaque: str
    endpoint: Endpoint


class Locator:
    """Answers from a snapshot. `opaque` are the ports that are left alone where nobody says otherwise; `declared` tells
    of those that a policy says it of."""

    def __init__(self, snapshot: Snapshot, trust_domain: str, opaque: str = "") -> None:
        self.opaque = opaque
        self.declared: Declared = lambda service, *names: False
        self._snapshot = snapshot
        self._trust_domain = trust_domain
        self._made: dict[tuple[str, int, int, str], _Made] = {}

    def resolve(self, target: Target) -> View:
        """Return what a target means now."""
        if not target.is_address:
            service = self._snapshot.services.get((target.namespace, target.name))
            return View() if service is None else self._service(service, target.port, "")
        key = self._snapshot.service_at.get(target.name)
        if key is not None:
            return self._service(self._snapshot.services[key], target.port, target.name)
        key = self._snapshot.pod_at.get(target.name)
        return View() if key is None else self._pod(self._snapshot.pods[key], target.name, int(target.port))

    def _service(self, service: Service, port: str, address: str) -> View:
        wanted = _wanted(service.ports, port)
        if service.external:
            return self._external(service, port)
        if wanted is None:
            return View()
        opaque = self._opaque(service.opaque, service.namespace, wanted.number) or self.declared(
            (service.namespace, service.name), wanted.name, str(wanted.number)
        )
        protocol = _protocol(wanted.protocol, wanted.name)
        ref = ServiceRef(
            namespace=service.namespace,
            name=service.name,
            port=wanted.number,
            port_name=wanted.name,
            opaque=opaque or protocol == TCP,
            protocol=protocol,
        )
        view = View(exists=True, service=ref)
        for endpoint in self._endpoints(service, wanted, address, protocol):
            view.endpoints[endpoint.id] = endpoint
        return view

    def _endpoints(
        self, service: Service, wanted: ServicePort, address: str, protocol: Protocol.ValueType
    ) -> Iterator[Endpoint]:
        slices = self._snapshot.slices.get((service.namespace, service.name), {}).values()
        family = "IPv6" if ":" in (address or next(iter(service.addresses), "")) else "IPv4"
        families = {each.family for each in slices}
        chosen = [each for each in slices if each.family == (family if family in families else "IPv6")]
        found = [
            (place, number)
            for each in chosen
            for name, number, _ in each.ports
            if name == wanted.name
            for place in each.places
            # A pod that is not known yet may have a sidecar: nothing is sent to it in the clear meanwhile.
            if place.pod is None or place.pod in self._snapshot.pods
        ]
        ready = [(place, number) for place, number in found if place.ready and not self._leaves(place)]
        # With no endpoint ready, those that are ending but still serve are better than none (KEP-1669).
        for place, number in ready or [(place, number) for place, number in found if place.serving]:
            for ip in place.addresses:
                yield self._endpoint(ip, number, place, protocol)

    def _leaves(self, place: Place) -> bool:
        """Tell whether the pod behind it was told to end; its slice says so a moment later."""
        key = self._snapshot.pod_of(place)
        pod = self._snapshot.pods.get(key) if key is not None else None
        return pod is not None and pod.phase == STOPPING

    def _endpoint(self, ip: str, number: int, place: Place, protocol: Protocol.ValueType) -> Endpoint:
        """Return an endpoint: the same object for as long as nothing that it is made of is another."""
        key = place.pod or self._snapshot.pod_at.get(ip)
        pod = self._snapshot.pods.get(key) if key is not None else None
        above = self._snapshot.namespaces.get(pod.namespace) if pod is not None else None
        what = (ip, number, protocol, place.near)
        known = self._made.get(what)
        if known is not None and known.pod is pod and known.above is above and known.opaque == self.opaque:
            return known.endpoint
        endpoint = self._dial(ip, number, pod, protocol)
        endpoint.zone = place.near
        if len(self._made) >= MADE:
            self._made.clear()
        self._made[what] = _Made(pod, above, self.opaque, endpoint)
        return endpoint

    def _dial(self, ip: str, number: int, pod: Pod | None, protocol: Protocol.ValueType) -> Endpoint:
        peer = Peer(address=join(ip, number))
        where, opaque = ip, False
        if pod is not None:
            where = f"{pod.namespace}/{pod.name}"
            peer.namespace, peer.pod, peer.service_account = pod.namespace, pod.name, pod.account
            peer.kind, peer.name = pod.kind, pod.owner
            if pod.meshed and not _within(number, pod.skipped):
                peer.identity = str(SpiffeId(self._trust_domain, pod.namespace, pod.account))
            opaque = self._opaque(pod.opaque, pod.namespace, number)
        return Endpoint(
            id=f"{where}/{join(ip, number)}",
            ip=ip,
            port=number,
            weight=1,
            peer=peer,
            protocol=protocol,
            opaque=opaque or protocol == TCP,
        )

    def _pod(self, pod: Pod, ip: str, number: int) -> View:
        """Return the pod that has an address; who names it means that one, ready or not."""
        name = next((name for name, port in pod.ports if port == number), "")
        protocol = _protocol("", name)
        endpoint = self._dial(ip, number, pod, protocol)
        ref = ServiceRef(
            namespace=pod.namespace,
            name=pod.owner,
            port=number,
            port_name=name,
            opaque=endpoint.opaque,
            protocol=protocol,
        )
        return View(exists=True, service=ref, endpoints={endpoint.id: endpoint})

    def _external(self, service: Service, port: str) -> View:
        number = next((one.number for one in service.ports if port in (one.name, str(one.number))), 0)
        number = number or (int(port) if port.isdigit() else 80)
        ref = ServiceRef(namespace=service.namespace, name=service.name, port=number)
        endpoint = Endpoint(
            id=join(service.external, number),
            ip=service.external,
            port=number,
            weight=1,
            peer=Peer(address=join(service.external, number)),
        )
        return View(exists=True, service=ref, endpoints={endpoint.id: endpoint})

    def _opaque(self, own: str | None, namespace: str, number: int) -> bool:
        """Tell whether a port is opaque: as the object says, else its namespace, else the mesh."""
        above = self._snapshot.namespaces.get(namespace)
        inherited = above.opaque if above is not None and above.opaque is not None else self.opaque
        return _within(number, ranges(own if own is not None else inherited))


def _within(number: int, spans: Ranges) -> bool:
    return any(low <= number <= high for low, high in spans)


def _wanted(ports: tuple[ServicePort, ...], port: str) -> ServicePort | None:
    """Return the port that a target's port part means."""
    if port.isdigit():
        found = next((one for one in ports if one.number == int(port)), None)
        if found is not None or int(port) not in UNSAID:
            return found
    elif port:
        return next((one for one in ports if one.name == port), None)
    if len(ports) == 1:
        return ports[0]
    return next((one for name in WELL_KNOWN for one in ports if one.name == name), None)


def _protocol(said: str, name: str) -> Protocol.ValueType:
    """Return what a port is said to speak, by its appProtocol or the first word of its name; unknown: detect."""
    if said:
        return _PROTOCOLS.get(said.lower(), PROTOCOL_UNKNOWN)
    first = name.partition("-")[0]
    return _PROTOCOLS[first] if first in ("grpc", "http2", "h2c") else PROTOCOL_UNKNOWN
