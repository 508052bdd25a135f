"""One process of a worker, as the lead hears it: what it says becomes the sidecar's; one that hangs is ended."""

import asyncio
import gc
import logging
import os
import resource
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from agents.runtime.drain import Drain
from agents.sidecar.crew.bulletin import Bulletin
from agents.sidecar.crew.member import BEHIND, SILENT, SLOW, Member, Session
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.others import Load
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.wire import common_pb2, discovery_pb2, stats_pb2, tap_pb2, worker_pb2
from meshcore.wire.worker_pb2 import FromWorker, ToWorker

OPEN = Path("/proc/self/fd")
ME = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0")
VOTING = "voting.emojivoto:80"


class Channel:
    """Hears what the lead says."""

    def __init__(self):
        self.waiting = 0
        self.said = []

    def send(self, message):
        self.said.append(message.WhichOneof("said"))


@pytest.fixture
def runtime():
    return Runtime(
        me=ME,
        boot_id="b",
        counters=Counters(),
        taps=Taps(ME, "b", lambda: 0.0),
        certs=Certs(),
        drain=Drain(),
        log=logging.getLogger("test"),
    )


@pytest.fixture
def killed():
    return []


@pytest.fixture
async def session(runtime, killed):
    hand, taking = socket.socketpair()
    made = Session(runtime, Bulletin(runtime), hand, killed.append)
    made.channel = Channel()
    yield made
    hand.close()
    taking.close()


def report(answer=0, **fields):
    status = discovery_pb2.ProxyStatus(cpu_us=500, rss_bytes=1000, inflight=4)
    stats = stats_pb2.StatsReport(
        status=status,
        edges=[stats_pb2.EdgeKey(id=1, direction=common_pb2.INBOUND)],
        tcp=[stats_pb2.TcpDelta(edge=1, opened=2, open=2)],
    )
    return FromWorker(report=worker_pb2.WorkerReport(answer=answer, stats=stats, **fields))


async def test_a_question_is_done_when_the_answer_has_been_counted(session, runtime):
    one, two = session.ask(1), session.ask(2)
    assert session.channel.said == ["ask", "ask"]
    session.hear(report(answer=1))
    assert (one.done(), two.done()) == (True, False)
    assert runtime.counters.connections == 2
    assert (runtime.others.cpu_us, runtime.others.sum("rss_bytes"), runtime.others.sum("inflight")) == (500, 1000, 4)


async def test_one_that_does_not_answer_gets_no_connections_and_at_last_its_end(session, killed):
    session.hear(FromWorker(ready=True))
    assert session.able
    for number in range(SLOW):
        session.ask(number)
    assert not session.able
    session.hear(report(answer=SLOW - 1))
    assert session.able
    for number in range(SLOW, SLOW + SILENT + 5):
        session.ask(number)
    assert killed == ["it does not answer any more"]


async def test_one_that_does_not_read_is_ended_and_not_waited_for(session, killed):
    session.channel.waiting = BEHIND + 1
    for _ in range(3):
        session.tell(ToWorker(untap=True))
    assert killed == ["it reads nothing any more"]
    assert session.channel.said == []


async def test_its_load_is_what_it_has_and_what_is_on_its_way_to_it(session):
    session.hear(report(clients=7, taken=3))
    session.handed = 5
    assert session.clients == 9


async def test_when_it_ends_its_counts_stay_and_everything_else_goes(session, runtime):
    session.hear(FromWorker(ready=True))
    session.hear(FromWorker(follow=VOTING))
    session.hear(report())
    waiting = session.ask(1)
    session._lost()
    assert waiting.done()
    assert session.ended.done()
    assert session.ask(2).done()
    assert not session.able
    (edge,) = runtime.counters.all()
    assert (edge.tcp.opened, edge.tcp.closed, edge.tcp.open) == (2, 2, 0)
    assert (runtime.others.cpu_us, runtime.others.sum("rss_bytes"), runtime.others.sum("inflight")) == (500, 0, 0)
    session.channel.said.clear()
    runtime.discover(VOTING).apply(discovery_pb2.EndpointsUpdate(snapshot=True))
    assert session.channel.said == []


async def test_endpoints_show_what_all_processes_know_of_them(session, runtime):
    session.hear(FromWorker(follow=VOTING))
    known = runtime.discover(VOTING)
    put = discovery_pb2.Endpoint(id="a", ip="127.0.0.1", port=1, weight=1)
    known.apply(discovery_pb2.EndpointsUpdate(snapshot=True, exists=True, put=[put]))
    load = worker_pb2.TargetLoad(
        target=VOTING, used=1e9, endpoints=[worker_pb2.EndpointLoad(id="a", ewma=0.5, inflight=3)]
    )
    session.hear(report(targets=[load]))
    assert runtime.others.load(VOTING, "a", Load(0.0, 1)) == Load(0.5, 4)
    assert known.used == 1e9  # the lead does not drop what a worker has just used
    assert known.by_id["a"].link.edge in runtime.counters.all()
    session.hear(report(targets=[worker_pb2.TargetLoad(target=VOTING)]))
    assert runtime.others.load(VOTING, "a", Load(0.0, 1)) == Load(0.0, 1)


async def test_what_it_saw_goes_through_the_leads_taps(session, runtime):
    runtime.taps.order(tap_pb2.TapOrder(id=1))
    event = tap_pb2.TapEvent(request_id="r", orders=[1], request_init=tap_pb2.RequestInit())
    session.hear(FromWorker(tap=tap_pb2.TapReport(events=[event], dropped=2)))
    events, dropped = runtime.taps.take()
    assert ([each.request_id for each in events], dropped) == (["r"], 2)


async def test_on_the_way_out_the_last_connections_come_before_the_word(session):
    session.hear(FromWorker(ready=True))
    session.drain()
    assert session._hand.fileno() == -1
    assert session.channel.said == ["drain"]
    assert not session.able


@pytest.mark.parametrize("free", range(20))
def test_while_descriptors_are_short_a_start_that_fails_costs_none(runtime, free):
    members = []

    class Log:
        def error(self, *said):
            members[0].drain()

    async def attempt():
        # What the loop needs for its first child and stream it has for good; those after them come and go.
        first = await asyncio.create_subprocess_exec("true", stdout=asyncio.subprocess.PIPE)
        await first.communicate()
        before = [int(each.name) for each in OPEN.iterdir()]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(before) + 1 + free, hard))
        held = []
        try:
            while True:
                held.append(os.dup(0))
        except OSError:
            for each in held[len(held) - free :]:
                os.close(each)
        try:
            await members[0].keep()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for each in held[: len(held) - free]:
                os.close(each)
        gc.collect()
        return len(list(OPEN.iterdir())) - len(before)

    members.append(Member(1, b"{}", replace(runtime, log=Log()), Bulletin(runtime)))
    assert uvloop.run(attempt()) == 0
