"""Orders and events between viewers and sidecars that only exist as lists."""

from meshcore.services.tap.people import People
from meshcore.services.tap.registry import Post, Registry, Watch
from meshcore.wire import common_pb2, tap_pb2
from tests.support.traffic import peer, pod


class Sidecar:
    """A sidecar that remembers its orders."""

    def __init__(self, registry: Registry, pod: str) -> None:
        self.orders: list[tap_pb2.TapOrder] = []
        self.peer = peer(pod)
        self.post: Post = registry.attach(self.peer, self.orders.append)

    def rates(self) -> list[float]:
        return [order.max_rps for order in self.orders if not order.cancel]


def event(*orders: int, end: bool = True, source: common_pb2.Peer | None = None) -> tap_pb2.TapEvent:
    made = tap_pb2.TapEvent(orders=orders, request_id="b:1", source=source)
    if end:
        made.response_end.since_request_init_us = 1000
    else:
        made.request_init.method = "GET"
    return made


def registry() -> Registry:
    return Registry(People([pod("vote-bot-0"), pod("web-0")]).name)


def watch(registry: Registry, *names: str, kind: str = "deployment", max_rps: float = 100.0) -> Watch:
    targets = [common_pb2.Resource(namespace="emojivoto", kind=kind, name=name) for name in names]
    return registry.open(targets, tap_pb2.TapMatch(), lambda: None, max_rps=max_rps)


def test_only_the_sidecars_of_the_targets_get_the_order_and_share_its_rate() -> None:
    all_ = registry()
    web, one, two = Sidecar(all_, "web-0"), Sidecar(all_, "voting-0"), Sidecar(all_, "voting-1")
    tap = watch(all_, "voting")
    assert (web.rates(), one.rates(), two.rates()) == ([], [50.0], [50.0])
    assert {order.id for order in one.orders + two.orders} == {tap.id}
    all_.close(tap)
    assert one.orders[-1].cancel
    assert one.orders[-1].id == tap.id
    assert web.orders == []


def test_who_attaches_later_gets_the_order_and_who_goes_leaves_its_share() -> None:
    all_ = registry()
    first = Sidecar(all_, "voting-0")
    watch(all_, "voting", max_rps=10.0)
    second = Sidecar(all_, "voting-1")
    assert (first.rates(), second.rates()) == ([10.0, 5.0], [5.0])
    all_.detach(second.post)
    assert first.rates() == [10.0, 5.0, 10.0]
    Sidecar(all_, "web-0")
    assert len(first.orders) == 3


def test_a_share_is_never_below_one_request_per_second() -> None:
    all_ = registry()
    sidecars = [Sidecar(all_, f"voting-{number}") for number in range(5)]
    watch(all_, "voting", max_rps=2.0)
    assert [sidecar.rates() for sidecar in sidecars] == [[1.0]] * 5


def test_namespaces_pods_and_kinds() -> None:
    all_ = registry()
    sidecar = Sidecar(all_, "voting-0")
    assert watch(all_, "emojivoto", kind="namespace").posts
    assert watch(all_, "voting-0", kind="pod").posts
    assert not watch(all_, "voting-1", kind="pod").posts
    assert not watch(all_, "voting", kind="statefulset").posts
    assert watch(all_, "").posts
    assert len(sidecar.orders) == 3


def test_events_reach_those_who_ordered_them() -> None:
    all_ = registry()
    sidecar = Sidecar(all_, "voting-0")
    first, second = watch(all_, "voting"), watch(all_, "voting")
    all_.deliver(sidecar.post, [event(first.id, second.id), event(second.id, end=False), event(999)], 0)
    assert [len(one.take()[0]) for one in (first, second)] == [1, 2]
    assert (first.finished, second.finished) == (1, 1)
    assert first.take() == ([], 0)


def test_a_slow_viewer_loses_events_and_is_told() -> None:
    all_ = registry()
    sidecar = Sidecar(all_, "voting-0")
    slow = watch(all_, "voting")
    slow._buffer = 3
    other = watch(all_, "voting")
    all_.deliver(sidecar.post, [event(slow.id, other.id) for _ in range(10)], 4)
    events, dropped = slow.take()
    assert (len(events), dropped) == (3, 7 + 4)
    events, dropped = other.take()
    assert (len(events), dropped) == (10, 4)
    assert slow.take() == ([], 0)


def test_bare_peers_are_named() -> None:
    all_ = registry()
    sidecar = Sidecar(all_, "web-0")
    tap = watch(all_, "web")
    bare = common_pb2.Peer(identity="spiffe://local/ns/emojivoto/sa/vote-bot", address="127.0.0.1:4711")
    all_.deliver(sidecar.post, [event(tap.id, source=bare)], 0)
    (seen,), _ = tap.take()
    assert (seen.source.kind, seen.source.name, seen.source.pod) == ("deployment", "vote-bot", "")
    assert seen.source.address == "127.0.0.1:4711"
