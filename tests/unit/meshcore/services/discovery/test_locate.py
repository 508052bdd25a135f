"""What targets mean in a cluster, and which of them a change touches."""

import pytest

from meshcore.inject import names
from meshcore.services.discovery import locate, records, snapshot
from meshcore.services.discovery.locate import Locator
from meshcore.services.discovery.resolve import View
from meshcore.services.discovery.snapshot import Snapshot, Touched
from meshcore.wire.common_pb2 import GRPC, HTTP2, TCP
from meshcore.wire.ids import parse_address, parse_target
from tests.support import cluster


class Cluster:
    """A snapshot, filled by objects."""

    def __init__(self, opaque: str = "") -> None:
        self.snapshot = Snapshot()
        self.locator = Locator(self.snapshot, "cluster.local", opaque)
        self.seen: dict[tuple[str, str], object] = {}

    def put(self, kind: str, each: cluster.Object, *, gone: bool = False) -> Touched:
        make, take = {
            "service": (records.service, self.snapshot.take_service),
            "slice": (records.endpoint_slice, self.snapshot.take_slice),
            "pod": (records.pod, self.snapshot.take_pod),
            "namespace": (records.namespace, self.snapshot.take_namespace),
        }[kind]
        new = None if gone else make(each)  # type: ignore[operator]
        key = (kind, each["metadata"]["name"])
        old = self.seen.get(key)
        self.seen[key] = new
        return take(old, new)  # type: ignore[operator,no-any-return]

    def ask(self, text: str) -> View:
        target = parse_address(text) or parse_target(text, "shop")
        assert target is not None
        return self.locator.resolve(target)


@pytest.fixture
def shop() -> Cluster:
    found = Cluster()
    found.put("namespace", cluster.namespace())
    found.put("service", cluster.service("web", "10.96.0.1"))
    found.put("pod", cluster.pod("web-1", "10.0.0.1", owner=("StatefulSet", "web"), account="web"))
    found.put("pod", cluster.pod("web-2", "10.0.0.2", meshed=False))
    places = cluster.place("10.0.0.1", "web-1", zone="a"), cluster.place("10.0.0.2", "web-2")
    found.put("slice", cluster.endpoints("web", *places))
    return found


@pytest.mark.parametrize("target", ["10.96.0.1:80", "web:80", "web.shop:http", "web.shop.svc.cluster.local"])
def test_a_service_is_its_endpoints_however_it_is_called(shop: Cluster, target: str) -> None:
    view = shop.ask(target)
    assert view.exists
    assert (view.service.namespace, view.service.name, view.service.port) == ("shop", "web", 80)
    first, second = view.endpoints.values()
    assert (first.ip, first.port, first.zone) == ("10.0.0.1", 8080, "a")
    assert first.peer.identity == "spiffe://cluster.local/ns/shop/sa/web"
    assert (first.peer.kind, first.peer.name, first.peer.pod) == ("statefulset", "web", "web-1")
    assert second.peer.identity == ""


def test_an_address_that_went_to_another_service_stays_with_it_when_the_first_goes(shop: Cluster) -> None:
    shop.put("service", cluster.service("new", "10.96.0.1"))  # a list tells what is new before what is gone
    shop.put("service", cluster.service("web", "10.96.0.1"), gone=True)
    assert shop.ask("10.96.0.1:80").service.name == "new"


def test_what_did_not_change_is_the_same_endpoint_and_what_did_is_another(shop: Cluster) -> None:
    first, second = shop.ask("web:80").endpoints.values()
    shop.put("pod", cluster.pod("web-2", "10.0.0.2"))
    again, other = shop.ask("10.96.0.1:80").endpoints.values()
    assert again is first
    assert (second.peer.identity, other.peer.identity) == ("", "spiffe://cluster.local/ns/shop/sa/default")
    shop.locator.opaque = "8080"
    assert all(each.opaque for each in shop.ask("web:80").endpoints.values())
    shop.put("namespace", cluster.namespace(**{names.OPAQUE_PORTS: "1-9"}))
    assert not any(each.opaque for each in shop.ask("web:80").endpoints.values())


def test_endpoints_that_are_kept_are_bounded(shop: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "MADE", 1)
    for _ in range(3):
        assert len(shop.ask("web:80").endpoints) == 2
        assert len(shop.locator._made) == 1


@pytest.mark.parametrize("target", ["10.96.0.1:81", "10.96.0.2:80", "nobody:80", "web.shop:grpc", "web.bank:80"])
def test_what_is_not_there_does_not_exist(shop: Cluster, target: str) -> None:
    assert not shop.ask(target).exists


def test_a_pods_own_address_is_that_pod(shop: Cluster) -> None:
    view = shop.ask("10.0.0.1:9999")
    (endpoint,) = view.endpoints.values()
    assert endpoint.peer.identity == "spiffe://cluster.local/ns/shop/sa/web"
    assert (view.service.name, view.service.port) == ("web", 9999)


def test_a_skipped_port_has_no_sidecar(shop: Cluster) -> None:
    shop.put("pod", cluster.pod("web-1", "10.0.0.1", annotations={names.SKIP_INBOUND: "8080"}))
    assert all(not endpoint.peer.identity for endpoint in shop.ask("web:80").endpoints.values())


def test_only_ready_endpoints_are_used_and_else_those_that_still_serve(shop: Cluster) -> None:
    ending = cluster.place("10.0.0.1", "web-1", ready=False, serving=True)
    shop.put("slice", cluster.endpoints("web", ending, cluster.place("10.0.0.2", "web-2")))
    assert [one.ip for one in shop.ask("web:80").endpoints.values()] == ["10.0.0.2"]
    shop.put("slice", cluster.endpoints("web", ending, cluster.place("10.0.0.2", "web-2", ready=False)))
    assert [one.ip for one in shop.ask("web:80").endpoints.values()] == ["10.0.0.1"]
    view = shop.ask("web:80")
    shop.put("slice", cluster.endpoints("web"), gone=True)
    assert view.exists
    assert shop.ask("web:80").exists
    assert not shop.ask("web:80").endpoints


def test_a_pod_that_is_told_to_end_is_asked_for_nothing_more_at_once(shop: Cluster) -> None:
    leaving = cluster.pod("web-1", "10.0.0.1", owner=("StatefulSet", "web"), account="web")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:06Z"
    assert ("shop", "web") in shop.put("pod", leaving)  # before its slice has been told
    assert [each.ip for each in shop.ask("web:80").endpoints.values()] == ["10.0.0.2"]
    shop.put("slice", cluster.endpoints("web", cluster.place("10.0.0.1", "web-1")))
    assert [each.ip for each in shop.ask("web:80").endpoints.values()] == ["10.0.0.1"]  # better than none


def test_a_pod_that_is_not_known_yet_is_sent_nothing_in_the_clear(shop: Cluster) -> None:
    shop.put("slice", cluster.endpoints("web", cluster.place("10.0.0.3", "web-3")))
    assert not shop.ask("web:80").endpoints
    assert ("shop", "web") in shop.put("pod", cluster.pod("web-3", "10.0.0.3", account="web"))
    (endpoint,) = shop.ask("web:80").endpoints.values()
    assert endpoint.peer.identity == "spiffe://cluster.local/ns/shop/sa/web"
    shop.put("slice", cluster.endpoints("web", cluster.place("10.0.0.9")))  # somebody's own address, of no pod
    assert [each.peer.identity for each in shop.ask("web:80").endpoints.values()] == [""]


def test_a_pod_on_its_nodes_network_is_told_of_when_it_is_known(shop: Cluster) -> None:
    ours = cluster.pod("web-3", "192.168.0.3", meshed=False, hostNetwork=True)
    shop.put("slice", cluster.endpoints("web", cluster.place("192.168.0.3", "web-3")))  # before its pod
    assert ("shop", "web") in shop.put("pod", ours)
    assert [each.ip for each in shop.ask("web:80").endpoints.values()] == ["192.168.0.3"]
    ours["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:06Z"
    assert ("shop", "web") in shop.put("pod", ours)


def test_an_address_in_a_slice_written_by_hand_is_the_pod_that_has_it(shop: Cluster) -> None:
    shop.put("service", cluster.service("old", "10.96.0.2"))
    shop.put("slice", cluster.endpoints("old", cluster.place("10.0.0.3")))
    (endpoint,) = shop.ask("old:80").endpoints.values()
    assert endpoint.peer.identity == ""
    both = {("shop", "old"), ("", "10.96.0.2"), ("", "10.0.0.3")}
    assert shop.put("pod", cluster.pod("new", "10.0.0.3", account="new")) == both
    (endpoint,) = shop.ask("old:80").endpoints.values()
    assert endpoint.peer.identity == "spiffe://cluster.local/ns/shop/sa/new"
    leaving = cluster.pod("new", "10.0.0.3", account="new")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:06Z"
    assert shop.put("pod", leaving) == both
    assert shop.put("pod", leaving, gone=True) == both
    shop.put("slice", cluster.endpoints("old"), gone=True)
    assert shop.put("pod", cluster.pod("next", "10.0.0.3")) == {("", "10.0.0.3")}


def test_headless_and_external_services(shop: Cluster) -> None:
    shop.put("service", cluster.service("db", ports=(("postgres", 5432),)))
    shop.put("slice", cluster.endpoints("db", cluster.place("10.0.0.1", "web-1"), ports=(("postgres", 5432),)))
    assert [one.port for one in shop.ask("db:5432").endpoints.values()] == [5432]
    shop.put("service", cluster.service("out", type="ExternalName", externalName="api.example.com"))
    (endpoint,) = shop.ask("out:443").endpoints.values()
    assert (endpoint.ip, endpoint.port, endpoint.peer.identity) == ("api.example.com", 443, "")


def test_dual_stack_stays_in_the_family_that_was_dialled(shop: Cluster) -> None:
    shop.put("service", cluster.service("web", "10.96.0.1,fd00:96::1"))
    shop.put("slice", cluster.endpoints("web", cluster.place("fd00::1", "web-1"), name="web-6", family="IPv6"))
    assert {one.ip for one in shop.ask("10.96.0.1:80").endpoints.values()} == {"10.0.0.1", "10.0.0.2"}
    assert {one.ip for one in shop.ask("[fd00:96::1]:80").endpoints.values()} == {"fd00::1"}
    assert {one.ip for one in shop.ask("web:80").endpoints.values()} == {"10.0.0.1", "10.0.0.2"}


@pytest.mark.parametrize(
    ("port", "protocol", "expected"),
    [("http", "kubernetes.io/h2c", HTTP2), ("grpc-api", "", GRPC), ("web", "", 0), ("http", "tcp", TCP)],
)
def test_hints_at_the_protocol(shop: Cluster, port: str, protocol: str, expected: int) -> None:
    shop.put("service", cluster.service("web", "10.96.0.1", ports=((port, 80),), protocol=protocol))
    view = shop.ask("10.96.0.1:80")
    assert view.service.protocol == expected
    assert view.service.opaque is (expected == TCP)


def test_opaque_ports_are_the_objects_its_namespaces_or_the_meshs() -> None:
    found = Cluster(opaque="5432")
    found.put("service", cluster.service("db", "10.96.0.9", ports=(("db", 5432),)))
    assert found.ask("db:5432").service.opaque
    found.put("namespace", cluster.namespace("shop", **{names.OPAQUE_PORTS: "1"}))
    assert not found.ask("db:5432").service.opaque
    found.put(
        "service", cluster.service("db", "10.96.0.9", ports=(("db", 5432),), annotations={names.OPAQUE_PORTS: "5432"})
    )
    assert found.ask("db:5432").service.opaque


def test_an_address_that_a_pod_left_belongs_to_its_next_pod(shop: Cluster) -> None:
    shop.put("pod", cluster.pod("next", "10.0.0.1", account="next"))
    shop.put("pod", cluster.pod("web-1", "10.0.0.1"), gone=True)
    (endpoint,) = shop.ask("10.0.0.1:80").endpoints.values()
    assert endpoint.peer.pod == "next"


def test_a_change_touches_those_who_are_called_by_it(shop: Cluster) -> None:
    both = {("shop", "web"), ("", "10.96.0.1")}
    slice_ = cluster.endpoints("web", cluster.place("10.0.0.1", "web-1"))
    assert shop.put("slice", slice_) == both
    assert shop.put("pod", cluster.pod("web-1", "10.0.0.1", account="other")) == both | {("", "10.0.0.1")}
    assert shop.put("pod", cluster.pod("web-1", "10.0.0.1", account="other", ready=False)) == set()
    assert shop.put("service", cluster.service("web", "10.96.0.7")) == both | {("", "10.96.0.7")}
    assert shop.put("namespace", cluster.namespace("shop", **{names.INJECT: "enabled"})) == set()
    touched = shop.put("namespace", cluster.namespace("shop", **{names.OPAQUE_PORTS: "80"}))
    assert {("shop", "web"), ("", "10.96.0.7"), ("", "10.0.0.2")} <= touched


def test_who_is_behind_a_service_and_in_which_zone(shop: Cluster) -> None:
    assert shop.snapshot.behind("shop", "web") == {"web-1", "web-2"}
    assert shop.snapshot.behind("shop", "db") == set()
    assert (shop.snapshot.zone_of("shop", "web-1"), shop.snapshot.zone_of("shop", "web-2")) == ("a", "")


def test_a_pod_is_in_the_zone_of_its_node_and_its_endpoint_where_hints_want_it(shop: Cluster) -> None:
    hinted = cluster.place("10.0.0.1", "web-1", zone="a", hints=("b",), node="node1")
    shop.put("slice", cluster.endpoints("web", hinted))
    assert [each.zone for each in shop.ask("web:80").endpoints.values()] == ["b"]
    assert shop.snapshot.zone_of("shop", "web-1") == "a"
    shop.put("pod", cluster.pod("client", "10.0.0.5"))  # behind no service, on the same node
    assert shop.snapshot.zone_of("shop", "client") == "a"
    shop.put("pod", cluster.pod("other", "10.0.0.6", nodeName="node2"))
    assert shop.snapshot.zone_of("shop", "other") == ""
    told = cluster.pod("told", "10.0.0.7", nodeName="node2", labels={"topology.kubernetes.io/zone": "c"})
    shop.put("pod", told)
    assert shop.snapshot.zone_of("shop", "told") == "c"


def test_nodes_whose_zones_are_kept_are_bounded(shop: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "NODES", 2)
    for number in range(9):
        place = cluster.place("10.0.0.1", "web-1", zone="a", node=f"node{number}")
        shop.put("slice", cluster.endpoints("web", place))
    assert len(shop.snapshot._zones) <= 3


def test_a_slice_in_one_namespace_puts_no_pod_of_another_behind_its_service(shop: Cluster) -> None:
    shop.put("service", cluster.service("lure", "10.96.9.9", namespace="bank"))
    place = cluster.place("10.0.0.1", "web-1")
    place["targetRef"]["namespace"] = "shop"
    shop.put("slice", cluster.endpoints("lure", place, cluster.place("10.0.0.2"), namespace="bank"))
    assert [key for key, *_ in shop.snapshot.served_by("shop", "web-1")] == [("shop", "web")]
    assert [key for key, *_ in shop.snapshot.served_by("shop", "web-2")] == [("shop", "web")]
    assert shop.snapshot.behind("bank", "lure") == set()
    first, _second = shop.ask("lure.bank:80").endpoints.values()  # who dials it reaches it, as without a mesh
    assert first.peer.identity == "spiffe://cluster.local/ns/shop/sa/web"


def test_a_port_that_a_policy_declares_opaque_is_opaque_to_whoever_dials_it(shop: Cluster) -> None:
    assert not shop.ask("web:80").service.opaque
    shop.locator.declared = lambda service, *names: service == ("shop", "web") and "80" in names
    assert shop.ask("web:80").service.opaque


def test_a_pod_knows_what_it_answers_for(shop: Cluster) -> None:
    assert list(shop.snapshot.served_by("shop", "web-1")) == [(("shop", "web"), "http", 8080)]
    assert list(shop.snapshot.served_by("shop", "web-9")) == []
    shop.put("slice", cluster.endpoints("web"))
    assert list(shop.snapshot.served_by("shop", "web-1")) == []
