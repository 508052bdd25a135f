"""Endpoints: snapshots and changes, and what survives them."""

from agents.sidecar.state.endpoints import Directory, EndpointSet
from agents.sidecar.state.peers import TLS_MUTUAL, TLS_NONE
from meshcore.wire import discovery_pb2


def update(
    *ports: int, snapshot: bool = False, remove: tuple[str, ...] = (), identity: str = ""
) -> discovery_pb2.EndpointsUpdate:
    made = discovery_pb2.EndpointsUpdate(snapshot=snapshot, exists=True, remove=remove)
    made.service.namespace, made.service.name, made.service.port = "default", "emoji", 8080
    for port in ports:
        put = made.put.add(id=str(port), ip="10.0.0.1", port=port, weight=1)
        put.peer.identity = identity
    return made


def test_snapshot_then_changes() -> None:
    found = EndpointSet("emoji")
    assert found.exists is None
    found.apply(update(1, 2, snapshot=True))
    one, two = found.endpoints
    found.apply(update(3, remove=("1",)))
    assert [endpoint.port for endpoint in found.endpoints] == [2, 3]
    assert found.endpoints[0] is two
    assert (one.gone, two.gone) == (True, False)
    found.apply(update(2, snapshot=True))
    assert found.endpoints == (two,)
    assert found.service == ("default", "emoji", 8080)


def test_what_is_learned_survives() -> None:
    found = EndpointSet("emoji")
    found.apply(update(1, snapshot=True))
    found.endpoints[0].ewma = 0.5
    found.apply(update(1, snapshot=True))
    assert found.endpoints[0].ewma == 0.5


def test_another_identity_is_another_endpoint() -> None:
    found = EndpointSet("emoji")
    found.apply(update(1, snapshot=True))
    plain = found.endpoints[0]
    assert not plain.meshed
    assert (plain.peer.tls, plain.peer.no_tls_reason) == (TLS_NONE, "not_provided_by_service_discovery")
    found.apply(update(1, snapshot=True, identity="spiffe://local/ns/default/sa/emoji"))
    meshed = found.endpoints[0]
    assert meshed is not plain
    assert plain.gone
    assert meshed.meshed
    assert meshed.peer.tls == TLS_MUTUAL


def test_no_weight_no_traffic() -> None:
    found = EndpointSet("emoji")
    change = update(1, 2, snapshot=True)
    change.put[0].weight = 0
    found.apply(change)
    assert [endpoint.port for endpoint in found.endpoints] == [2]


def test_waiters_are_called_once() -> None:
    found = EndpointSet("emoji")
    calls: list[int] = []
    found.wait(lambda: calls.append(1))
    forgotten = lambda: calls.append(2)  # noqa: E731
    found.wait(forgotten)
    found.forget(forgotten)
    found.apply(update(1, snapshot=True))
    found.apply(update(2))
    assert calls == [1]


def test_targets_are_followed_and_bounded() -> None:
    directory = Directory(limit=2)
    followed: list[str] = []
    dropped: list[str] = []
    directory.follow = lambda found: followed.append(found.target)
    directory.unfollow = lambda found: dropped.append(found.target)
    directory.discover("a").used = 1.0
    directory.discover("b").used = 2.0
    assert directory.discover("a") is directory.discover("a")
    directory.discover("c")
    assert (followed, dropped) == (["a", "b", "c"], ["a"])


def test_where_this_pod_is_itself_no_sidecar_is_met() -> None:
    found = Directory(own=frozenset(("10.0.0.1",))).discover("emoji.default")
    found.apply(update(1, snapshot=True, identity="spiffe://local/ns/default/sa/emoji"))
    (endpoint,) = found.endpoints
    assert not endpoint.meshed
    assert (endpoint.peer.tls, endpoint.peer.no_tls_reason) == (TLS_NONE, "loopback")


def test_a_target_that_makes_room_keeps_no_connections() -> None:
    directory = Directory(limit=1)
    found = directory.discover("one")
    found.apply(update(1, snapshot=True))
    directory.discover("another")
    assert found.endpoints[0].gone


def test_what_is_kept_makes_no_room() -> None:
    directory = Directory(limit=2)
    kept = directory.discover("declared")
    kept.kept = True
    directory.discover("b").used = 1.0
    directory.discover("c").used = 2.0
    assert list(directory.sets) == ["declared", "c"]
    directory.sets["c"].kept = True
    directory.discover("d")
    assert list(directory.sets) == ["declared", "c", "d"]
