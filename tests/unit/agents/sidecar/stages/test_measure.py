"""Counting: one cell per outcome, latencies in the right bucket, nothing lost."""

import pytest

from agents.sidecar.engine.exchange import FAILURE, HTTP1, OUTBOUND, SUCCESS, Exchange
from agents.sidecar.stages.measure import Measure
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.peers import TLS_MUTUAL, Link, Peer, ServiceKey
from meshcore.wire.buckets import BOUNDS_MS, index

LINK_PEER = Peer("n", "deployment", "emoji", "emoji-0", "emoji", "spiffe://local/ns/n/sa/emoji", tls=TLS_MUTUAL)


def ended(link: Link | None, latency_ms: float, status: int = 200, route: str = "") -> Exchange:
    x = Exchange(OUTBOUND, HTTP1, Peer(), 10.0)
    x.link = link
    x.status = status
    x.route = route
    x.ended = 10.0 + latency_ms / 1000
    x.request_bytes, x.response_bytes = 3, 5
    return x


def test_cells() -> None:
    counters = Counters()
    measure = Measure(counters)
    link = Link(LINK_PEER, ServiceKey("n", "emoji", 8080))
    for x in (ended(link, 0.9), ended(link, 1.5), ended(link, 1.5, 404), ended(link, 70_000, route="slow")):
        measure.on_end(x)
    (edge,) = counters.all()
    assert (edge.direction, edge.service_namespace, edge.service_name, edge.port, edge.tls) == (
        OUTBOUND,
        "n",
        "emoji",
        8080,
        TLS_MUTUAL,
    )
    cells = {(cell.status, cell.route): cell for cell in edge.cells.values()}
    assert {key: cell.count for key, cell in cells.items()} == {(200, ""): 2, (404, ""): 1, (200, "slow"): 1}
    usual = cells[200, ""]
    assert usual.buckets[:3] == [1, 1, 0]
    assert cells[200, "slow"].buckets[-1] == 1
    assert (usual.request_bytes, usual.response_bytes) == (6, 10)
    assert abs(usual.latency_sum_ms - 2.4) < 1e-6


@pytest.mark.parametrize("latency_ms", [0.0, 0.001, *(bound + off for bound in BOUNDS_MS for off in (-0.25, 0.25))])
def test_each_latency_is_in_its_bucket(latency_ms: float) -> None:
    counters = Counters()
    Measure(counters).on_end(ended(Link(LINK_PEER, ServiceKey("n", "emoji", 8080)), latency_ms))
    ((cell,),) = (edge.cells.values() for edge in counters.all())
    assert cell.buckets.index(1) == index(latency_ms)


def test_links_of_the_same_ends_share_an_edge() -> None:
    counters = Counters()
    measure = Measure(counters)
    for _ in range(2):
        x = ended(Link(LINK_PEER, ServiceKey("n", "emoji", 8080)), 1)
        measure.on_end(x)
    (edge,) = counters.all()
    assert [cell.count for cell in edge.cells.values()] == [2]


def test_what_had_no_edge_is_over_all_the_same() -> None:
    counters = Counters()
    measure = Measure(counters)
    counters.inflight = 1
    measure.on_end(ended(None, 1))
    assert counters.inflight == 0


def test_an_exchange_has_the_class_of_its_cell() -> None:
    measure = Measure(Counters())
    link = Link(LINK_PEER, ServiceKey("n", "emoji", 8080))
    exchanges = [ended(link, 1, status) for status in (200, 200, 500, 500)]
    for x in exchanges:
        measure.on_end(x)
    assert [x.classification for x in exchanges] == [SUCCESS, SUCCESS, FAILURE, FAILURE]
