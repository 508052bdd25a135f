"""Rows of the inventory, and which of them a question means."""

import pytest

from meshcore.services.discovery.registry import Registry
from meshcore.services.discovery.rows import asked, rows
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.discovery_pb2 import FAILING, RUNNING, Instance, InstancePort, InstanceStatus, Pod, ProxyStatus


@pytest.fixture
def registry() -> Registry:
    return Registry(lambda: 0.0, lambda: 7000)


def look(registry: Registry) -> dict[str, Pod]:
    proxies = {("shop", "web-0"): ProxyStatus(cpu_us=5)}
    found = rows(registry, lambda *key: proxies.get(key), trust_domain="local", node="here")
    return {pod.status.pod: pod for pod in found}


WEB = Instance(
    namespace="shop", kind="deployment", name="web", pod="web-0", service_account="web", proxy_version="1",
    ports=[InstancePort(name="http", port=8080, proxy_ip="127.0.0.1", proxy_port=20001)],
)  # fmt: skip


def test_a_connected_sidecar(registry: Registry) -> None:
    registry.connect(WEB, "spiffe://local/ns/shop/sa/web")
    pod = look(registry)["web-0"]
    assert (pod.meshed, pod.uplink, pod.uplink_since_ms, pod.node) == (True, True, 7000, "here")
    assert (pod.identity, pod.proxy_version, pod.address) == ("spiffe://local/ns/shop/sa/web", "1", "127.0.0.1:20001")
    assert (pod.status.phase, pod.status.ready, pod.proxy.cpu_us) == (RUNNING, True, 5)


def test_a_lost_uplink_keeps_what_was_known(registry: Registry) -> None:
    uplink = registry.connect(WEB, "spiffe://local/ns/shop/sa/web")
    status = InstanceStatus(namespace="shop", kind="deployment", name="web", pod="web-0", phase=FAILING, meshed=True)
    registry.report("up", [status])
    registry.disconnect(uplink)
    pod = look(registry)["web-0"]
    assert (pod.meshed, pod.uplink, pod.identity) == (True, False, "spiffe://local/ns/shop/sa/web")
    assert pod.status == status


def test_a_sidecar_that_never_came(registry: Registry) -> None:
    registry.report("up", [InstanceStatus(namespace="shop", name="web", pod="web-0", meshed=True)])
    pod = look(registry)["web-0"]
    assert (pod.meshed, pod.uplink, pod.identity) == (True, False, "spiffe://local/ns/shop/sa/web")


def test_without_a_sidecar_by_choice(registry: Registry) -> None:
    registry.report("up", [InstanceStatus(namespace="shop", name="db", pod="db-0", ready=True)])
    pod = look(registry)["db-0"]
    assert (pod.meshed, pod.identity) == (False, "")
    assert "by choice" in pod.unmeshed_reason


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Resource(), True),
        (Resource(kind="pod", name="web-0"), True),
        (Resource(kind="pod", name="web-1"), False),
        (Resource(kind="deployment", name="web", namespace="shop"), True),
        (Resource(kind="deployment", name="web", namespace="bank"), False),
        (Resource(kind="statefulset", name="web"), False),
        (Resource(kind="service", name="web"), True),
        (Resource(kind="namespace", name="shop"), True),
        (Resource(kind="namespace", name="bank"), False),
        (Resource(kind="namespace"), True),
    ],
)
def test_what_was_asked_for(target: Resource, expected: bool) -> None:
    pod = Pod(status=InstanceStatus(namespace="shop", kind="deployment", name="web", pod="web-0"))
    assert asked(pod, [target]) is expected
    assert asked(pod, [])
