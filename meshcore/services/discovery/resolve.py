"""What a target means now: the service it names, and the endpoints that are in service.

Pure; serve.py calls it for each watcher that a change concerns and sends the difference.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from meshcore.services.discovery.registry import Entry, Registry
from meshcore.wire import common_pb2
from meshcore.wire.discovery_pb2 import Endpoint, EndpointsUpdate, InstancePort, ServiceRef
from meshcore.wire.ids import Target, join

WELL_KNOWN = ("http", "grpc")  # which port is meant where none is said and there are several
# What clients say that were told no port: CONNECT has to name one, and gRPC's resolver adds its own.
UNSAID = (80, 443)


@dataclass(frozen=True, slots=True)
class DeclaredPort:
    """A port that the mesh's description gives a service, whether or not an instance is there."""

    name: str
    number: int  # 0: each instance has its own
    opaque: bool = False


# The ports of a described service; None: nothing describes it.
Declared = Callable[[str, str], Sequence[DeclaredPort] | None]


@dataclass(slots=True)
class View:
    """The answer to one target."""

    exists: bool = False
    service: ServiceRef = field(default_factory=ServiceRef)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)


def resolve(registry: Registry, declared: Declared, target: Target) -> View:
    """Return what a target means now."""
    if target.is_address:
        return _locate(registry, target)
    described = declared(target.namespace, target.name)
    entries = list(registry.service((target.namespace, target.name)))
    if described is None and not entries:
        return View()
    known: list[DeclaredPort] = list(described or ())
    for entry in entries:
        known += [DeclaredPort(port.name, port.port, port.opaque) for port in entry.ports]
    wanted = _wanted(known, target.port)
    if wanted is None:
        return View()
    view = View(exists=True, service=_service(target, wanted, known))
    for entry in entries:
        port = _pick(entry.ports, wanted) if entry.serving else None
        if port is not None:
            endpoint = _endpoint(entry, port)
            view.endpoints[endpoint.id] = endpoint
            if port.protocol and not view.service.protocol:
                view.service.protocol = port.protocol
    return view


def _locate(registry: Registry, target: Target) -> View:
    """Return the instance that has an address; who names it means that one, ready or not."""
    uplink = registry.at(target.name)
    if uplink is None:
        return View()
    instance, number = uplink.instance, int(target.port)
    port = InstancePort(port=number)
    for known in instance.ports:
        if known.port == number:
            port.CopyFrom(known)
    port.proxy_ip, port.proxy_port = target.name, number
    endpoint = _endpoint(Entry(instance.namespace, instance.pod, uplink), port)
    if any(skipped.first <= number <= skipped.last for skipped in instance.skipped):
        endpoint.peer.identity = ""
    service = ServiceRef(
        namespace=instance.namespace,
        name=instance.name,
        port=number,
        port_name=port.name,
        opaque=port.opaque,
        protocol=port.protocol,
    )
    return View(exists=True, service=service, endpoints={endpoint.id: endpoint})


def difference(before: View | None, after: View) -> EndpointsUpdate | None:
    """Return the message that turns one view into another: a snapshot at first, then changes; None: none."""
    if before is None:
        return EndpointsUpdate(snapshot=True, exists=after.exists, service=after.service, put=after.endpoints.values())
    known = before.endpoints
    # Most are the very same object, which is told faster than that two are equal.
    put = [new for key, new in after.endpoints.items() if (old := known.get(key)) is not new and old != new]
    remove = [key for key in known if key not in after.endpoints]
    if not put and not remove and (before.exists, before.service) == (after.exists, after.service):
        return None
    return EndpointsUpdate(exists=after.exists, service=after.service, put=put, remove=remove)


def _wanted(known: Sequence[DeclaredPort], port: str) -> DeclaredPort | None:
    """Return the port that a target's port part means; name or number of it may differ per instance."""
    if port.isdigit():
        number = int(port)
        found = next((one for one in known if one.number == number), None)
        if found is not None or number not in UNSAID:
            return found
    elif port:
        return next((one for one in known if one.name == port), None)
    names = {one.name or one.number for one in known}
    if len(names) == 1:
        return known[0]
    return next((one for name in WELL_KNOWN for one in known if one.name == name), None)


def _service(target: Target, wanted: DeclaredPort, known: Sequence[DeclaredPort]) -> ServiceRef:
    same = [one for one in known if _same(one, wanted)]
    numbers = {one.number for one in same}
    return ServiceRef(
        namespace=target.namespace,
        name=target.name,
        port=wanted.number if len(numbers) == 1 else 0,
        port_name=wanted.name,
        opaque=any(one.opaque for one in same),
    )


def _pick(ports: Iterable[InstancePort], wanted: DeclaredPort) -> InstancePort | None:
    for port in ports:
        if _same(DeclaredPort(port.name, port.port), wanted):
            return port
    return None


def _same(one: DeclaredPort, wanted: DeclaredPort) -> bool:
    return one.name == wanted.name if wanted.name else one.number == wanted.number


def _endpoint(entry: Entry, port: InstancePort) -> Endpoint:
    ip = port.proxy_ip or "127.0.0.1"
    number = port.proxy_port or port.port
    uplink = entry.uplink
    peer = common_pb2.Peer(namespace=entry.namespace, pod=entry.pod, address=join(ip, number))
    zone = ""
    if uplink is not None:
        peer.kind = uplink.instance.kind or "deployment"
        peer.name = uplink.instance.name
        peer.service_account = uplink.instance.service_account
        peer.identity = uplink.identity
        zone = uplink.instance.zone
    elif entry.status is not None:
        peer.kind = entry.status.kind or "deployment"
        peer.name = entry.status.name
        peer.service_account = entry.status.service_account
    return Endpoint(
        id=f"{entry.namespace}/{entry.pod}/{join(ip, number)}",
        ip=ip,
        port=number,
        weight=1,
        zone=zone,
        peer=peer,
        protocol=port.protocol,
        opaque=port.opaque,
    )
