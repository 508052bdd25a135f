"""Counters: what is drained adds up to what was counted, whatever the pattern; and the whole is bounded."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sidecar.state.counters import INBOUND, OUTBOUND, Counters
from agents.sidecar.state.peers import Peer
from meshcore.wire.buckets import index

WEB = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0")


def _edge(counters, peer=WEB, port=8080, direction=INBOUND):
    return counters.edge(direction, peer, "emojivoto", "voting", port, 1, "")


def _count(cell, latency_ms, request=3, response=5):
    cell.count += 1
    cell.buckets[index(latency_ms)] += 1
    cell.latency_sum_ms += latency_ms
    cell.request_bytes += request
    cell.response_bytes += response


requests = st.tuples(st.integers(0, 2), st.sampled_from([200, 404, 500]), st.integers(0, 60_000))
connections = st.tuples(st.sampled_from(["open", "close", "bytes"]), st.integers(0, 2))
steps = st.lists(st.one_of(requests, connections, st.just("drain")), max_size=60)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_drained_deltas_add_up_to_the_totals(script):
    counters = Counters()
    http, buckets, sums, tcp = Counter(), Counter(), Counter(), Counter()
    last_open = {}

    def drain():
        drained = counters.drain()
        for delta in drained.http:
            assert delta.requests > 0
            http[delta.cell.id] += delta.requests
            sums[delta.cell.id] += delta.latency_sum_ms + delta.request_bytes + delta.response_bytes
            for i, count in zip(delta.buckets, delta.bucket_counts, strict=True):
                buckets[delta.cell.id, i] += count
        for delta in drained.tcp:
            tcp[delta.edge.id] += delta.opened * 1000 + delta.closed + delta.read_bytes
            last_open[delta.edge.id] = delta.open

    for step in script:
        if step == "drain":
            drain()
        elif isinstance(step[0], int):
            port, status, latency = step
            _count(_edge(counters, port=port).http("", 1, status, None, 1, ""), latency)
        else:
            cell = _edge(counters, port=step[1]).tcp
            if step[0] == "open":
                cell.opening()
            elif step[0] == "close" and cell.open:
                cell.closing("ECONNRESET")
            else:
                cell.read_bytes += 7
    drain()
    for edge in counters.all():
        assert tcp[edge.id] == edge.tcp.opened * 1000 + edge.tcp.closed + edge.moved()[0]
        assert last_open.get(edge.id, 0) == edge.tcp.open == edge.tcp.opened - edge.tcp.closed
        for cell in edge.cells.values():
            assert http[cell.id] == cell.count
            assert sums[cell.id] == cell.latency_sum_ms + cell.request_bytes + cell.response_bytes
            assert [buckets[cell.id, i] for i in range(len(cell.buckets))] == cell.buckets
    assert counters.drain().http == []


def test_an_edge_is_the_same_for_the_same_ends():
    counters = Counters()
    moved = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0", address="127.0.0.1:4242")
    assert _edge(counters) is _edge(counters, moved)
    assert _edge(counters) is not _edge(counters, port=9090)


def test_servers_without_a_name_are_told_apart_by_address_and_clients_are_not():
    counters = Counters()
    one, two = Peer(address="10.0.0.1:80"), Peer(address="10.0.0.2:80")
    assert _edge(counters, one, direction=OUTBOUND) is not _edge(counters, two, direction=OUTBOUND)
    assert _edge(counters, one) is _edge(counters, two)


def test_edges_beyond_the_limit_share_one():
    counters = Counters(max_edges=2)
    edges = [_edge(counters, port=port) for port in range(5)]
    assert edges[2] is edges[3] is edges[4]
    assert edges[2].peer is None
    assert counters.overflowed == 3
    edges[2].tcp.opening()
    assert counters.connections == 1


def test_cells_beyond_the_limit_keep_the_class():
    counters = Counters(max_cells=2)
    edge = _edge(counters)
    for status in (200, 201, 202, 203):
        _count(edge.http("", 1, status, None, 1, ""), 1)
    for status in (500, 501):
        _count(edge.http("", 1, status, None, 2, ""), 1)
    by_class = Counter()
    for cell in edge.cells.values():
        by_class[cell.classification] += cell.count
    assert by_class == {1: 4, 2: 2}
    assert len(edge.cells) == 4
    assert counters.overflowed == 4


@pytest.mark.parametrize(("direction", "moved"), [(INBOUND, (103, 205)), (OUTBOUND, (105, 203))])
def test_bodies_of_requests_are_bytes_of_their_edge(direction, moved):
    counters = Counters()
    edge = _edge(counters, direction=direction)
    edge.tcp.read_bytes, edge.tcp.written_bytes = 100, 200
    _count(edge.http("", 1, 200, None, 1, ""), 1, request=3, response=5)
    assert edge.moved() == moved
    ((_, _, _, read, written, _),) = counters.drain().tcp
    assert (read, written) == moved
    assert counters.drain().tcp == []


def test_open_connections_are_told_again_and_again():
    counters = Counters()
    edge = _edge(counters)
    edge.tcp.opening()
    assert [delta.open for _ in range(3) for delta in counters.drain().tcp] == [1, 1, 1]
    edge.tcp.closing()
    assert [delta.open for _ in range(3) for delta in counters.drain().tcp] == [0]


def test_names_that_servers_are_asked_for_are_counted_and_bounded():
    counters = Counters()
    for _ in range(2):
        counters.named(INBOUND, 443, "own.example")
    for number in range(2000):
        counters.named(OUTBOUND, 443, f"{number}.example")
    assert counters.names[INBOUND, 443, "own.example"] == 2
    assert len(counters.names) == 501
    assert sum(counters.names.values()) == 2002
    assert counters.overflowed == counters.names[OUTBOUND, 0, ""]


def test_what_has_begun_here_is_what_ended_and_what_is_in_flight_without_what_others_counted():
    counters = Counters()
    counters.inflight = 2
    for direction in (INBOUND, OUTBOUND):
        edge = counters.edge(direction, Peer(name="web"), "default", "web", 80, 0, "")
        edge.http("", 1, 200, None, 1, "").count += 5
    counters.elsewhere = 4
    assert counters.begun == 8
