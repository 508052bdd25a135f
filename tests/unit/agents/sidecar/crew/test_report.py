"""A worker's report, and what becomes of it at the lead: the same counts, in the same edges and cells, once."""

import logging

import pytest

from agents.runtime.drain import Drain
from agents.sidecar.crew.report import Reporter
from agents.sidecar.crew.tally import Tally
from agents.sidecar.state.bounds import REQUESTS
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import INBOUND, OUTBOUND, Counters
from agents.sidecar.state.peers import TLS_MUTUAL, TLS_NONE, Peer
from agents.sidecar.state.refusals import EXPIRED
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from agents.sidecar.state.violations import Violation
from meshcore.wire import discovery_pb2, worker_pb2

ME = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0")
VOTING = Peer("emojivoto", "deployment", "voting", "voting-0", "voting", "spiffe://v", "10.0.0.1:80", TLS_MUTUAL)
STRANGER = Peer(address="10.1.1.1:42", tls=TLS_NONE, no_tls_reason="no_tls_from_remote")
EXTERNAL = Peer(address="93.184.216.34:443", tls=TLS_NONE, no_tls_reason="not_provided_by_service_discovery")
BROKEN = Violation("inbound", "src", "ENHANCE_YOUR_CALM", "pings")


class Traffic:
    clients = 7


class Taker:
    taken = 9


def runtime(counters):
    return Runtime(
        me=ME,
        boot_id="b",
        counters=counters,
        taps=Taps(ME, "b", lambda: 0.0),
        certs=Certs(),
        drain=Drain(),
        log=logging.getLogger("test"),
    )


class Worker:
    """A worker process's counters, and how they travel."""

    def __init__(self, max_edges=2000):
        self.counters = Counters(max_edges=max_edges)
        self.runtime = runtime(self.counters)
        self.reporter = Reporter(self.runtime, Traffic(), Taker())

    def report(self, answer=0):
        return worker_pb2.WorkerReport.FromString(self.reporter.make(answer).SerializeToString())


def edge(counters, peer=VOTING, direction=OUTBOUND):
    return counters.edge(direction, peer, "emojivoto", "voting", 80, peer.tls, peer.no_tls_reason)


def request(counters, peer=VOTING, status=200, grpc_status=None):
    cell = edge(counters, peer).http("vote", 3, status, grpc_status, 1, "")
    cell.count += 1
    cell.buckets[4] += 1
    cell.latency_sum_ms += 2.5
    cell.request_bytes += 10
    cell.response_bytes += 20


def totals(counters):
    return sorted(
        (each.peer.name if each.peer else "overflow", cell.status, cell.grpc_status, cell.count, cell.buckets[4],
         cell.latency_sum_ms, cell.request_bytes, cell.response_bytes)
        for each in counters.all()
        for cell in each.cells.values()
    )  # fmt: skip


@pytest.fixture
def lead():
    return Counters()


def test_counts_are_added_to_the_leads_own_in_the_same_cells(lead):
    worker = Worker()
    tally = Tally(runtime(lead))
    request(lead, grpc_status=0)
    request(worker.counters, grpc_status=0)
    tally.take(worker.report())
    request(worker.counters, grpc_status=0)
    request(worker.counters, status=503)
    tally.take(worker.report())
    assert totals(lead) == [
        ("voting", 200, 0, 3, 3, 7.5, 30, 60),
        ("voting", 503, None, 1, 1, 2.5, 10, 20),
    ]


def test_a_report_holds_only_what_is_new(lead):
    worker = Worker()
    tally = Tally(runtime(lead))
    request(worker.counters)
    tally.take(worker.report())
    tally.take(worker.report())
    tally.take(worker.report())
    assert [row[3] for row in totals(lead)] == [1]


def test_the_leads_drain_tells_the_control_plane_what_workers_counted(lead):
    worker = Worker()
    tally = Tally(runtime(lead))
    request(worker.counters)
    tally.take(worker.report())
    (delta,) = lead.drain().http
    assert delta.requests == 1
    request(worker.counters)
    tally.take(worker.report())
    (delta,) = lead.drain().http
    assert delta.requests == 1


@pytest.mark.parametrize("peer", [VOTING, STRANGER, EXTERNAL])
def test_an_edge_is_the_same_whichever_process_met_the_peer(lead, peer):
    worker = Worker()
    mine = edge(lead, peer)
    edge(worker.counters, peer).tcp.opening()
    Tally(runtime(lead)).take(worker.report())
    assert lead.all() == [mine]
    assert mine.tcp.opened == 1
    assert mine.peer == peer


@pytest.mark.parametrize("direction", [INBOUND, OUTBOUND])
def test_bytes_of_requests_are_the_edges_once(lead, direction):
    worker = Worker()
    tally = Tally(runtime(lead))
    theirs = edge(worker.counters, direction=direction)
    theirs.tcp.read_bytes += 1000
    for _ in range(2):
        cell = theirs.http("", 3, 200, 0, 1, "")
        cell.count += 1
        cell.request_bytes += 10
        cell.response_bytes += 20
        tally.take(worker.report())
    assert edge(lead, direction=direction).moved() == theirs.moved()


def test_connections_bytes_and_errors(lead):
    worker = Worker()
    tally = Tally(runtime(lead))
    flow, theirs = edge(lead).tcp, edge(worker.counters).tcp
    flow.opening()
    for _ in range(3):
        theirs.opening()
    theirs.read_bytes += 100
    theirs.closing("ECONNRESET")
    tally.take(worker.report())
    theirs.closing("ECONNRESET")
    theirs.closing("EPIPE")
    tally.take(worker.report())
    assert (flow.opened, flow.closed, flow.open, flow.read_bytes) == (4, 3, 1, 100)
    assert flow.errors == {"ECONNRESET": 2, "EPIPE": 1}


def test_a_process_that_ends_leaves_its_counts_and_takes_its_connections_along(lead):
    worker, next_one = Worker(), Worker()
    tally = Tally(runtime(lead))
    request(worker.counters)
    edge(worker.counters).tcp.opening()
    tally.take(worker.report())
    assert lead.connections == 1
    tally.close()
    tally.close()
    assert lead.connections == 0
    assert edge(lead).tcp.closed == 1
    request(next_one.counters)
    Tally(runtime(lead)).take(next_one.report())
    assert [row[3] for row in totals(lead)] == [2]


def test_what_found_no_room_in_a_worker_is_overflow_at_the_lead_too(lead):
    worker = Worker(max_edges=1)
    for peer in (VOTING, STRANGER, EXTERNAL):
        request(worker.counters, peer)
    Tally(runtime(lead)).take(worker.report())
    assert [(row[0], row[3]) for row in totals(lead)] == [("overflow", 2), ("voting", 1)]
    assert lead.overflowed == 2
    assert len(lead.edges) == 1


def test_what_was_refused_and_asked_for_by_name_is_added_up(lead):
    worker, mine = Worker(), runtime(lead)
    tally = Tally(mine)
    for each in (mine, worker.runtime):
        each.bounds.refused[REQUESTS] += 1
        each.certs.refusals.count("inbound", EXPIRED, 0.0)
        each.violations.count(BROKEN, 0.0)
        each.counters.named(OUTBOUND, 443, "example.org")
    tally.take(worker.report())
    worker.counters.named(OUTBOUND, 443, "example.org")
    worker.counters.named(INBOUND, 443, "")
    tally.take(worker.report())
    tally.take(worker.report())
    assert mine.bounds.refused[REQUESTS] == 2
    assert mine.certs.refusals.counts["inbound", EXPIRED] == 2
    assert mine.violations.counts == {BROKEN: 2}
    assert lead.names == {(OUTBOUND, 443, "example.org"): 3, (INBOUND, 443, ""): 1}


def test_the_edge_of_an_unknown_peer_is_not_taken_for_the_overflow(lead):
    worker = Worker()
    worker.counters.edge(INBOUND, Peer(), "", "", 0, 0, "").tcp.opening()
    Tally(runtime(lead)).take(worker.report())
    assert [each.peer for each in lead.all()] == [Peer()]


def test_it_answers_and_says_how_much_it_has_to_do():
    report = Worker().report(answer=5)
    assert (report.answer, report.clients, report.taken) == (5, 7, 9)
    assert report.stats.status.cpu_us > 0
    assert report.stats.status.rss_bytes > 1e6
    assert report.descriptors > 0
    assert report.threads > 0


def test_a_target_is_told_of_when_it_is_used_and_when_it_is_dropped():
    worker = Worker()
    directory = worker.runtime.directory
    target = directory.discover("voting.emojivoto:80")
    put = discovery_pb2.Endpoint(id="voting-0", ip="127.0.0.1", port=1, weight=1)
    target.apply(discovery_pb2.EndpointsUpdate(exists=True, put=[put]))
    worker.report()
    assert not worker.report().targets
    (endpoint,) = target.endpoints
    target.used, endpoint.ewma, endpoint.stamp, endpoint.inflight = 5.0, 0.25, 4.0, 2
    (told,) = worker.report().targets
    assert (told.target, told.used) == ("voting.emojivoto:80", 5.0)
    assert [(each.id, each.ewma, each.inflight) for each in told.endpoints] == [("voting-0", 0.25, 2)]
    endpoint.inflight = 0  # the last one has ended
    (told,) = worker.report().targets
    assert told.endpoints[0].inflight == 0
    assert not worker.report().targets
    directory.drop(target)
    (told,) = worker.report().targets
    assert not told.endpoints
    assert not worker.report().targets
