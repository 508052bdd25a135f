"""What targets mean, and that the differences sent always add up to the view they come from."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshcore.services.discovery.registry import Registry, Uplink
from meshcore.services.discovery.resolve import DeclaredPort, View, difference, resolve
from meshcore.wire.discovery_pb2 import Endpoint, Instance, InstancePort, InstanceStatus
from meshcore.wire.ids import Target

HTTP = DeclaredPort("http", 8080)


def make(declared: dict[str, Sequence[DeclaredPort]] | None = None) -> tuple[Registry, "Look"]:
    registry = Registry(lambda: 0.0, lambda: 0)
    return registry, Look(registry, declared or {})


class Look:
    def __init__(self, registry: Registry, declared: dict[str, Sequence[DeclaredPort]]) -> None:
        self.registry = registry
        self.declared = declared

    def __call__(self, name: str, port: str = "") -> View:
        return resolve(self.registry, lambda _, name: self.declared.get(name), Target(name, "shop", port))

    def at(self, ip: str, port: str) -> View:
        return resolve(self.registry, lambda *_: None, Target(ip, "", port))


def instance(pod: str, proxy_port: int, **ports: int) -> Instance:
    name = pod.rpartition("-")[0]
    return Instance(
        namespace="shop",
        kind="deployment",
        name=name,
        pod=pod,
        service_account=name,
        zone="a",
        ports=[
            InstancePort(name=port, port=number, proxy_ip="127.0.0.1", proxy_port=proxy_port + i)
            for i, (port, number) in enumerate(ports.items())
        ],
    )


def test_nobody_and_nothing_declared() -> None:
    _, look = make()
    assert look("web") == View()


def transparent(pod: str, *addresses: str, **ports: int) -> Instance:
    told = instance(pod, 0, **ports)
    told.addresses.extend(addresses)
    told.skipped.add(first=9000, last=9010)
    return told


def test_an_address_means_the_instance_that_has_it() -> None:
    registry, look = make()
    uplink = registry.connect(transparent("web-0", "10.0.0.7", "fd00::7", http=8080), "spiffe://web")
    for ip in ("10.0.0.7", "fd00::7"):
        view = look.at(ip, "8080")
        (endpoint,) = view.endpoints.values()
        assert (endpoint.ip, endpoint.port, endpoint.peer.identity) == (ip, 8080, "spiffe://web")
        assert (view.service.name, view.service.port, view.service.port_name) == ("web", 8080, "http")
    registry.update(uplink, None, draining=True)
    assert look.at("10.0.0.7", "8080").endpoints  # whoever dials an address means this one, ready or not
    registry.disconnect(uplink)
    assert look.at("10.0.0.7", "8080") == View()


def test_every_port_of_an_address_leads_to_the_sidecar_but_those_skipped() -> None:
    registry, look = make()
    registry.connect(transparent("web-0", "10.0.0.7", http=8080), "spiffe://web")
    (undeclared,) = look.at("10.0.0.7", "7000").endpoints.values()
    assert undeclared.peer.identity == "spiffe://web"
    (skipped,) = look.at("10.0.0.7", "9005").endpoints.values()
    assert skipped.peer.identity == ""
    assert skipped.peer.pod == "web-0"
    assert look.at("10.0.0.8", "8080") == View()


def test_declared_but_not_there_exists_without_endpoints() -> None:
    _, look = make({"web": [HTTP]})
    view = look("web")
    assert view.exists
    assert view.service.port == 8080
    assert not view.endpoints
    assert not look("web", "9090").exists


@pytest.mark.parametrize("port", ["", "http", "8080", "80", "443"])
def test_a_port_by_number_by_name_or_as_the_only_one(port: str) -> None:
    registry, look = make()
    registry.connect(instance("web-0", 20001, http=8080), "spiffe://local/ns/shop/sa/web")
    view = look("web", port)
    (endpoint,) = view.endpoints.values()
    assert (endpoint.ip, endpoint.port, endpoint.zone, endpoint.weight) == ("127.0.0.1", 20001, "a", 1)
    assert endpoint.peer.identity == "spiffe://local/ns/shop/sa/web"
    assert (endpoint.peer.kind, endpoint.peer.name, endpoint.peer.pod) == ("deployment", "web", "web-0")
    assert (view.service.port, view.service.port_name) == (8080, "http")


def test_without_a_port_http_is_meant_then_grpc_else_nothing() -> None:
    registry, look = make()
    registry.connect(instance("web-0", 20001, admin=1, grpc=2, http=3), "")
    registry.connect(instance("cart-0", 20011, admin=1, grpc=2), "")
    registry.connect(instance("db-0", 20021, sql=1, admin=2), "")
    assert look("web").service.port_name == "http"
    assert look("cart").service.port_name == "grpc"
    assert not look("db").exists


def test_replicas_with_ports_of_their_own_are_one_service_by_name() -> None:
    registry, look = make({"voting": [DeclaredPort("grpc", 0)]})
    registry.connect(instance("voting-0", 20001, grpc=40001), "")
    registry.connect(instance("voting-1", 20002, grpc=40002), "")
    view = look("voting")
    assert sorted(one.port for one in view.endpoints.values()) == [20001, 20002]
    assert (view.service.port, view.service.port_name) == (0, "grpc")
    assert look("voting", "40001").endpoints == view.endpoints


def test_an_instance_without_a_sidecar_is_dialled_itself() -> None:
    registry, look = make()
    registry.report(
        "up",
        [
            InstanceStatus(
                namespace="shop", kind="statefulset", name="db", pod="db-0", ready=True,
                ports=[InstancePort(name="sql", port=5432, opaque=True)],
            )
        ],
    )  # fmt: skip
    view = look("db")
    (endpoint,) = view.endpoints.values()
    assert (endpoint.ip, endpoint.port, endpoint.peer.identity, endpoint.opaque) == ("127.0.0.1", 5432, "", True)
    assert view.service.opaque


def test_no_change_is_no_message() -> None:
    registry, look = make()
    registry.connect(instance("web-0", 20001, http=8080), "")
    view = look("web")
    first = difference(None, view)
    assert first is not None
    assert first.snapshot
    assert difference(view, look("web")) is None
    registry.connect(instance("cart-0", 20001, http=8080), "")
    assert difference(view, look("web")) is None


STEPS = st.lists(
    st.tuples(st.sampled_from(["connect", "break", "drain", "report", "silence"]), st.integers(0, 3), st.booleans()),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_differences_add_up_to_what_is(steps: list[tuple[str, int, bool]]) -> None:
    registry, look = make()
    uplinks: dict[int, Uplink] = {}
    sent = look("web")
    known: dict[str, Endpoint] = {}
    for step, number, flag in steps:
        match step:
            case "connect":
                uplinks[number] = registry.connect(instance(f"web-{number}", 20000 + number + 10 * flag, http=1), "")
            case "break" if number in uplinks:
                registry.disconnect(uplinks.pop(number))
            case "drain" if number in uplinks:
                registry.update(uplinks[number], None, draining=flag)
            case "report":
                one = InstanceStatus(namespace="shop", name="web", pod=f"web-{number}", ready=flag, meshed=True)
                registry.report(f"launcher-{number}", [one])
            case "silence":
                registry.report(f"launcher-{number}", [])
        view = look("web")
        update = difference(sent, view)
        if update is not None:
            assert update.put or update.remove or (update.exists, update.service) != (sent.exists, sent.service)
            for gone in update.remove:
                del known[gone]
            known |= {put.id: put for put in update.put}
        sent = view
        assert known == view.endpoints
        expected = {f"web-{n}" for n, up in uplinks.items() if not up.draining}
        unready = {e.pod for e in registry.entries() if e.status is not None and not e.status.ready}
        assert {one.peer.pod for one in known.values()} == expected - unready
