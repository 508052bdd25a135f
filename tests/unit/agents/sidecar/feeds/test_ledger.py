"""The ledger: reports are kept within bounds, and read the same on every stream."""

from agents.sidecar.feeds.ledger import Ledger, Stream
from agents.sidecar.state.counters import INBOUND, Counters
from agents.sidecar.state.peers import Peer
from meshcore.wire import discovery_pb2, stats_pb2

BOT = Peer(namespace="emojivoto", kind="deployment", name="vote-bot", pod="vote-bot-0", identity="spiffe://x")


def counters_with(requests):
    counters = Counters()
    edge = counters.edge(INBOUND, BOT, "emojivoto", "web", 80, 1, "")
    bump(edge, requests)
    return counters, edge


def bump(edge, requests):
    cell = edge.http("vote", 3, 200, 0, 1, "")
    cell.count += requests
    cell.buckets[4] += requests
    cell.latency_sum_ms += 5.0 * requests
    edge.tcp.opening()


def decode(data):
    return stats_pb2.StatsReport.FromString(data)


def test_keys_travel_once_a_stream_and_again_on_the_next():
    counters, edge = counters_with(2)
    ledger = Ledger()
    first = ledger.add(counters.drain(), 1000)
    bump(edge, 3)
    second = ledger.add(counters.drain(), 2000)
    for stream in (Stream(), Stream()):
        one, two = decode(stream.encode(first)), decode(stream.encode(second))
        assert [(key.id, key.peer.name, key.service_name) for key in one.edges] == [(edge.id, "vote-bot", "web")]
        assert [(key.edge, key.route, key.grpc_status) for key in one.http_keys] == [(edge.id, "vote", 0)]
        assert not two.edges
        assert not two.http_keys
        assert [one.http[0].count, two.http[0].count] == [2, 3]
        assert list(two.http[0].bucket) == [4]
        assert [one.seq, two.seq] == [1, 2]
        assert two.tcp[0].open == 2


def test_a_status_is_joined_to_a_report():
    counters, _ = counters_with(1)
    report = Ledger().add(counters.drain(), 1000)
    status = stats_pb2.StatsReport(status=discovery_pb2.ProxyStatus(rss_bytes=7)).SerializeToString()
    read = decode(Stream().encode(report, status))
    assert (read.seq, read.status.rss_bytes, read.http[0].count) == (1, 7, 1)


def test_reports_that_are_too_old_are_forgotten():
    ledger = Ledger(keep_ms=3000)
    counters, _ = counters_with(1)
    for second in range(10):
        ledger.add(counters.drain(), second * 1000)
    assert [report.seq for report in ledger.since(0)] == [7, 8, 9, 10]
    assert ledger.oldest_seq == 7
    assert [report.seq for report in ledger.since(9)] == [10]


def test_reports_that_are_too_much_are_forgotten_but_the_last_is_kept():
    ledger = Ledger(keep_bytes=1000)
    counters, edge = counters_with(1)
    for second in range(10):
        bump(edge, 1)
        ledger.add(counters.drain(), second)
    held = ledger.since(0)
    assert held[-1].seq == 10
    assert sum(report.size for report in held) <= 1000
    tiny = Ledger(keep_bytes=1)
    tiny.add(counters.drain(), 1)
    assert len(tiny.since(0)) == 1


def test_an_empty_ledger_says_what_will_come():
    ledger = Ledger()
    assert (ledger.oldest_seq, ledger.since(0)) == (1, [])
