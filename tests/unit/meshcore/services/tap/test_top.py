"""Top against requests whose latencies are known."""

import pytest

from meshcore.services.tap.top import PENDING, Top, template
from meshcore.wire import common_pb2, tap_pb2
from tests.support.traffic import peer

NOW = 1000.0


def make(**how: object) -> Top:
    settings: dict[str, object] = {
        "by_route": False,
        "hide_sources": False,
        "now": NOW,
        **how,
    }
    return Top(60.0, **settings)  # type: ignore[arg-type]


def request(
    top: Top,
    number: int,
    latency_ms: float,
    *,
    at: float = NOW + 1,
    path: str = "/api/vote?choice=x",
    source: str = "vote-bot-0",
    destination: str = "web-0",
    failure: bool = False,
    outbound: bool = False,
    error: str = "",
    twice: bool = False,
) -> None:
    base = {
        "request_id": f"boot:{number}",
        "direction": common_pb2.OUTBOUND if outbound else common_pb2.INBOUND,
        "source": peer(source),
        "destination": peer(destination),
        "proxy": peer(source if outbound else destination),
        "route": "vote",
    }
    top.add(tap_pb2.TapEvent(request_init=tap_pb2.RequestInit(method="GET", path=path), **base), at)  # type: ignore[arg-type]
    end = tap_pb2.ResponseEnd(
        since_request_init_us=int(latency_ms * 1000),
        classification=common_pb2.FAILURE if failure else common_pb2.SUCCESS,
        error=error,
    )
    top.add(tap_pb2.TapEvent(response_end=end, **base), at, twice=twice)  # type: ignore[arg-type]


def test_rows() -> None:
    top = make()
    for number in range(1, 101):
        request(top, number, float(number), failure=number == 50)
    request(top, 101, 3.0, path="/")
    first, second = top.rows(NOW + 10, 10)
    assert (first.source.pod, first.destination.pod, first.method, first.path) == (
        "vote-bot-0",
        "web-0",
        "GET",
        "/api/vote",
    )
    assert (first.count, first.success, first.best_ms, first.worst_ms, first.last_ms, first.p95_ms) == (
        100,
        99,
        1.0,
        100.0,
        100.0,
        95.0,
    )
    assert first.rps == 10.0
    assert (second.path, second.count) == ("/", 1)
    assert len(top.rows(NOW + 10, 1)) == 1


def test_counts_are_of_the_window() -> None:
    top = make()
    request(top, 1, 5.0, at=NOW)
    request(top, 2, 9.0, at=NOW + 30)
    assert top.rows(NOW + 59, 10)[0].count == 2
    assert [(row.count, row.best_ms) for row in top.rows(NOW + 61, 10)] == [(1, 9.0)]
    assert top.rows(NOW + 91, 10) == []
    assert top.covered(NOW + 15) == 15.0
    assert top.covered(NOW + 500) == 60.0


def test_by_route_and_without_sources() -> None:
    top = make(by_route=True, hide_sources=True)
    request(top, 1, 5.0)
    request(top, 2, 5.0, path="/elsewhere", source="other-0")
    (row,) = top.rows(NOW + 2, 10)
    assert (row.route, row.method, row.path, row.source.name, row.count) == ("vote", "", "", "", 2)


def test_a_request_seen_by_both_ends_counts_once() -> None:
    top = make()
    request(top, 1, 5.0, source="web-0", destination="voting-0", outbound=True, twice=True)
    request(top, 1, 4.0, source="web-0", destination="voting-0", twice=True)
    request(top, 2, 5.0, source="web-0", destination="emoji-0", outbound=True)
    refused = {"failure": True, "error": "refused", "outbound": True, "twice": True}
    request(top, 3, 9.0, source="web-0", destination="voting-0", **refused)  # type: ignore[arg-type]
    rows = top.rows(NOW + 2, 10)
    assert sorted((row.destination.name, row.direction, row.count) for row in rows) == [
        ("emoji", common_pb2.OUTBOUND, 1),
        ("voting", common_pb2.INBOUND, 1),
        ("voting", common_pb2.OUTBOUND, 1),
    ]


def test_heads_without_end_are_bounded() -> None:
    top = make()
    for number in range(PENDING + 50):
        head = tap_pb2.RequestInit(method="GET", path="/")
        top.add(tap_pb2.TapEvent(request_id=str(number), request_init=head), NOW)
    assert len(top._heads) == PENDING


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("/emojivoto.v1.VotingService/VoteDoughnut", "/emojivoto.v1.VotingService/VoteDoughnut"),
        ("/users/42/orders?page=2", "/users/{}/orders"),
        ("/items/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "/items/{}"),
        ("/blobs/0123456789abcdef01", "/blobs/{}"),
        ("/deadbeefdeadbeef", "/deadbeefdeadbeef"),
        ("/v1/list", "/v1/list"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_paths_without_ids(path: str, counted: str) -> None:
    assert template(path) == counted
