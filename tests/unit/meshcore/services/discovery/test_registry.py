"""Instances come and go by two ways, streams and reports; the registry keeps one truth of both."""

import pytest

from meshcore.services.discovery.registry import ADDRESS_GRACE_S, Registry
from meshcore.wire.discovery_pb2 import Instance, InstancePort, InstanceStatus

WEB = ("shop", "web")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def instance(pod: str = "web-0", name: str = "web", port: int = 8080) -> Instance:
    return Instance(
        namespace="shop", kind="deployment", name=name, pod=pod, ports=[InstancePort(name="http", port=port)]
    )


def status(pod: str = "web-0", name: str = "web", *, ready: bool = True, meshed: bool = True) -> InstanceStatus:
    return InstanceStatus(namespace="shop", kind="deployment", name=name, pod=pod, ready=ready, meshed=meshed)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> Registry:
    return Registry(clock, lambda: int(clock.now * 1000))


@pytest.fixture
def told(registry: Registry) -> list[set[tuple[str, str]]]:
    told: list[set[tuple[str, str]]] = []
    registry.listen(told.append)
    return told


def serving(registry: Registry) -> list[str]:
    return [entry.pod for entry in registry.service(WEB) if entry.serving]


def test_a_stream_is_presence(registry: Registry, told: list[set[tuple[str, str]]]) -> None:
    uplink = registry.connect(instance(), "id")
    assert serving(registry) == ["web-0"]
    registry.disconnect(uplink)
    assert serving(registry) == []
    assert registry.entry("shop", "web-0") is None  # nobody speaks for it any more
    assert all(WEB in services for services in told)
    assert len(told) == 2


def test_draining_takes_out_at_once(registry: Registry) -> None:
    uplink = registry.connect(instance(), "id")
    registry.update(uplink, None, draining=True)
    assert serving(registry) == []
    registry.update(uplink, None, draining=False)
    assert serving(registry) == ["web-0"]


def test_a_new_stream_of_a_pod_wins_and_the_old_ones_end_means_nothing(registry: Registry) -> None:
    old = registry.connect(instance(port=1), "id")
    new = registry.connect(instance(port=2), "id")
    registry.update(old, None, draining=True)
    registry.disconnect(old)
    entry = registry.entry("shop", "web-0")
    assert entry is not None
    assert entry.uplink is new
    assert serving(registry) == ["web-0"]


def test_a_launchers_word_on_readiness_counts(registry: Registry) -> None:
    registry.connect(instance(), "id")
    registry.report("up", [status(ready=False)])
    assert serving(registry) == []
    registry.report("up", [status(ready=True)])
    assert serving(registry) == ["web-0"]


def test_a_broken_stream_leaves_a_row_while_its_launcher_reports_it(registry: Registry, clock: Clock) -> None:
    uplink = registry.connect(instance(), "id")
    registry.report("up", [status()])
    clock.now += 5
    registry.disconnect(uplink)
    entry = registry.entry("shop", "web-0")
    assert entry is not None
    assert entry.meshed
    assert not entry.serving
    assert entry.uplink_since_ms == 105_000
    registry.report("up", [])
    assert registry.entry("shop", "web-0") is None


def test_an_instance_without_a_sidecar_serves_by_its_launchers_word(registry: Registry) -> None:
    registry.report("up", [status(meshed=False)])
    assert serving(registry) == ["web-0"]
    registry.report("up", [status(meshed=False, ready=False)])
    assert serving(registry) == []


def test_the_same_report_again_is_no_change(registry: Registry, told: list[set[tuple[str, str]]]) -> None:
    registry.report("up", [status()])
    registry.report("up", [status()])
    assert len(told) == 1


def test_a_launcher_that_left_is_believed_for_a_while(registry: Registry, clock: Clock) -> None:
    registry.arrive("up")
    registry.report("up", [status(meshed=False)])
    registry.leave("up")
    clock.now += 9.9
    registry.expire()
    assert serving(registry) == ["web-0"]
    registry.arrive("up")  # it is back
    clock.now += 60
    registry.expire()
    assert serving(registry) == ["web-0"]
    registry.leave("up")
    clock.now += 10
    registry.expire()
    assert serving(registry) == []


def test_launchers_keep_to_their_own(registry: Registry) -> None:
    registry.report("up", [status()])
    registry.report("run", [status("web-1")])
    registry.report("up", [])
    assert [entry.pod for entry in registry.entries()] == ["web-1"]
    registry.report("up", [status("web-1")])  # taken over
    registry.report("run", [])
    assert [entry.pod for entry in registry.entries()] == ["web-1"]


def test_a_pod_that_changes_its_workload_moves(registry: Registry, told: list[set[tuple[str, str]]]) -> None:
    registry.connect(instance(), "id")
    registry.connect(instance(name="cart"), "id")
    assert list(registry.service(WEB)) == []
    assert [entry.pod for entry in registry.service(("shop", "cart"))] == ["web-0"]
    assert told[-1] == {WEB, ("shop", "cart")}


def placed(pod: str) -> Instance:
    told = instance(pod)
    told.addresses.append("10.0.0.7")
    return told


def test_an_address_is_its_sidecars_until_that_says_farewell(
    registry: Registry, told: list[set[tuple[str, str]]]
) -> None:
    uplink = registry.connect(placed("web-0"), "spiffe://a")
    assert told.pop() == {("shop", ""), WEB, ("", "10.0.0.7")}
    assert registry.at("10.0.0.7") is uplink
    registry.update(uplink, None, draining=True)
    registry.disconnect(uplink)
    assert ("", "10.0.0.7") in told.pop()
    assert registry.at("10.0.0.7") is None


def test_a_stream_that_breaks_leaves_the_address_for_a_while(
    registry: Registry, clock: Clock, told: list[set[tuple[str, str]]]
) -> None:
    uplink = registry.connect(placed("web-0"), "spiffe://a")
    registry.disconnect(uplink)
    clock.now += ADDRESS_GRACE_S - 1
    registry.expire()
    assert registry.at("10.0.0.7") is uplink
    again = registry.connect(placed("web-0"), "spiffe://a")
    clock.now += ADDRESS_GRACE_S
    registry.expire()
    assert registry.at("10.0.0.7") is again
    registry.disconnect(again)
    clock.now += ADDRESS_GRACE_S
    registry.expire()
    assert registry.at("10.0.0.7") is None
    assert told.pop() == {("", "10.0.0.7")}


def test_an_address_that_is_used_again_belongs_to_the_newer_instance(registry: Registry, clock: Clock) -> None:
    before = registry.connect(placed("web-0"), "spiffe://a")
    after = registry.connect(placed("web-1"), "spiffe://a")
    registry.disconnect(before)
    clock.now += ADDRESS_GRACE_S
    registry.expire()
    assert registry.at("10.0.0.7") is after
    moved = placed("web-1")
    moved.addresses[0] = "10.0.0.8"
    registry.update(after, moved, draining=False)
    assert registry.at("10.0.0.7") is None
    assert registry.at("10.0.0.8") is after
