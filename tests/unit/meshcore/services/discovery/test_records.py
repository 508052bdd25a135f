"""What is kept of a cluster's objects, and what is not."""

from typing import Any

import pytest

from meshcore.inject import names
from meshcore.services.discovery.records import endpoint_slice, namespace, pod, ranges, service
from meshcore.wire.discovery_pb2 import FAILING, PENDING, RUNNING, STOPPING, SUCCEEDED
from tests.support import cluster


def test_a_pod_is_its_workloads() -> None:
    found = pod(
        cluster.pod(
            "web-5d4-x1",
            "10.0.0.7,fd00::7",
            owner=("ReplicaSet", "web-5d4"),
            labels={"pod-template-hash": "5d4"},
            annotations={names.SKIP_INBOUND: "9100,9200-9300", names.OPAQUE_PORTS: "5432"},
            account="web",
        )
    )
    assert (found.kind, found.owner, found.account, found.meshed) == ("deployment", "web", "web", True)
    assert found.addresses == ("10.0.0.7", "fd00::7")
    assert found.skipped == ((9100, 9100), (9200, 9300))
    assert (found.phase, found.ready, found.restarts, found.opaque) == (RUNNING, True, 2, "5432")
    assert found.started_ms == 1767323045000


@pytest.mark.parametrize(
    ("change", "phase"),
    [
        ({"phase": "Pending"}, PENDING),
        ({"phase": "Succeeded"}, SUCCEEDED),
        ({"phase": "Failed"}, FAILING),
        ({"phase": "Running"}, RUNNING),
    ],
)
def test_phases(change: dict[str, Any], phase: int) -> None:
    assert pod(cluster.pod("web", **change)).phase == phase


def test_a_pod_that_crashes_again_and_again_is_failing_and_says_why() -> None:
    each = cluster.pod("web")
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s\n restarting"}
    each["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}
    assert (pod(each).phase, pod(each).message) == (FAILING, "app: CrashLoopBackOff: back-off 10s restarting")


def test_a_pod_that_is_going_is_stopping() -> None:
    each = cluster.pod("web")
    each["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert pod(each).phase == STOPPING


def test_addresses_that_are_not_a_pods_own_are_not_kept() -> None:
    assert pod(cluster.pod("web", "10.0.0.1", hostNetwork=True)).addresses == ()
    assert pod(cluster.pod("web", "10.0.0.1", phase="Succeeded")).addresses == ()


def test_why_a_pod_has_no_sidecar() -> None:
    by_choice = pod(cluster.pod("web", meshed=False, annotations={names.INJECT: names.DISABLED}))
    assert "by choice" in by_choice.unmeshed
    assert "hostNetwork" in pod(cluster.pod("web", meshed=False, hostNetwork=True)).unmeshed
    assert pod(cluster.pod("web", meshed=False)).unmeshed == ""


def test_the_sidecars_own_restarts_are_apart() -> None:
    each = cluster.pod("web")
    each["status"]["initContainerStatuses"] = [{"name": names.PROXY, "restartCount": 3}]
    assert (pod(each).restarts, pod(each).proxy_restarts) == (2, 3)


def test_a_service_has_its_addresses_and_tcp_ports() -> None:
    each = cluster.service("web", "10.96.0.1,FD00:0::1", protocol="kubernetes.io/h2c")
    each["spec"]["ports"].append({"name": "dns", "port": 53, "protocol": "UDP"})
    found = service(each)
    assert found.addresses == ("10.96.0.1", "fd00::1")
    assert [tuple(port) for port in found.ports] == [("http", 80, "kubernetes.io/h2c")]
    assert service(cluster.service("web")).addresses == ()
    external = service(cluster.service("db", type="ExternalName", externalName="db.example.com."))
    assert external.external == "db.example.com"


def test_a_slice_has_places_with_their_pods_and_zones() -> None:
    found = endpoint_slice(
        cluster.endpoints(
            "web",
            cluster.place("10.0.0.1", "web-1", zone="a", node="node1"),
            cluster.place("10.0.0.2", zone="a", hints=("b",)),
            cluster.place("10.0.0.3", ready=False, serving=True, zone="c", hints=("b", "c")),
            cluster.place("10.0.0.4", ready=None),
            cluster.place("fd00:0:0::05"),
        )
    )
    assert found.places[-1].addresses == ("fd00::5",)
    found = found._replace(places=found.places[:-1])
    assert (found.service, found.ports) == ("web", (("http", 8080, ""),))
    assert [(one.zone, one.near) for one in found.places] == [("a", "a"), ("a", "b"), ("c", "c"), ("", "")]
    assert [one.node for one in found.places] == ["node1", "", "", ""]
    assert [(one.ready, one.serving) for one in found.places] == [
        (True, True),
        (True, True),
        (False, True),
        (True, True),
    ]
    assert found.places[0].pod == ("shop", "web-1")


def test_a_namespace_says_what_it_wants() -> None:
    found = namespace(cluster.namespace("shop", **{names.INJECT: "enabled", names.OPAQUE_PORTS: "1", "other": "x"}))
    assert (found.name, dict(found.wants)) == ("shop", {names.INJECT: "enabled", names.OPAQUE_PORTS: "1"})
    assert found.opaque == "1"


def test_ranges_leave_out_what_is_none() -> None:
    assert ranges("1, 2-3,x,,4-") == ((1, 1), (2, 3), (4, 4))
