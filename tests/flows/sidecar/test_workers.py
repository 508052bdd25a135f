"""A sidecar of three processes behind a real control plane: to everybody outside it is one.

The applications run in the test, so that it knows exactly how many requests there were; who serves them is read from
/proc, what was counted from /metrics and from the command line.
"""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
import grpc.aio
import pytest

from agents.runtime.config import Listener, SidecarConfig
from agents.sidecar.crew.crew import configuration
from agents.sidecar.crew.frames import Frames, frame
from agents.sidecar.crew.handover import pair
from meshcore.wire.worker_pb2 import FromWorker, ToWorker, WorkerStart
from tests.support.local import NAMESPACE, Local, free_port, inside
from tests.support.rogue import serving
from tests.support.shell import eventually
from tests.support.solo import Solo

SUCCEEDED = 'classification="success"'
PROCESSES = 3
SLOW_S = 1.0
ONE_POOL = (("grpc.use_local_subchannel_pool", 1),)


class Application:
    """HTTP/1, where `/slow` takes a second, and an echo by gRPC; in threads, so that no wait of the test stops it."""

    def __init__(self) -> None:
        self.http, self.grpc = free_port(), free_port()
        self.loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(8)
        self._server = grpc.server(self._pool)
        echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Echo": echo}),))
        self._thread = threading.Thread(target=self.loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._client, "127.0.0.1", self.http, backlog=512), self.loop
        ).result(5)
        self._server.add_insecure_port(f"127.0.0.1:{self.grpc}")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self._pool.shutdown()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /slow "):
                    await asyncio.sleep(SLOW_S)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()


class Client:
    """One HTTP/1 connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def get(self, path: bytes = b"/") -> int:
        self.writer.write(b"GET %b HTTP/1.1\r\nHost: web\r\n\r\n" % path)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length is not None, head
        await self._reader.readexactly(int(length[1]))
        return int(head.split(b" ")[1])


@asynccontextmanager
async def clients(port: int, count: int) -> AsyncIterator[list[Client]]:
    made = [Client(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)]
    try:
        yield made
    finally:
        for client in made:
            client.writer.close()


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    made = Application()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def local(application: Application) -> Iterator[Local]:
    workloads = {
        "web": inside(application.http, proxyWorkers=PROCESSES),
        "echo": inside(application.grpc, proxyWorkers=PROCESSES),
    }
    with Local(workloads, caller={"proxyWorkers": PROCESSES}) as local:
        application.start()
        yield local


def processes(local: Local, name: str) -> list[int]:
    """Return the processes of a workload's sidecar, the lead first."""
    return crew(local.pid(name))


def crew(lead: int) -> list[int]:
    children = Path(f"/proc/{lead}/task/{lead}/children").read_text().split()
    return [lead, *map(int, children)]


def served(pid: int, port: int) -> int:
    """Return how many connections to a port a process holds."""
    inodes = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "01" and int(fields[1].partition(":")[2], 16) == port:  # ESTABLISHED
            inodes.add(fields[9])
    held = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            held += str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]") in inodes
    return held


def total(local: Local, name: str, family: str, *labels: str) -> int:
    """Return the sum of a family's series that have all of these labels."""
    return sum(
        int(float(line.rpartition(" ")[2]))
        for line in local.metrics(name).splitlines()
        if re.match(rf"{family}[{{ ]", line) and all(label in line for label in labels)
    )


def responses(local: Local, name: str = "web", direction: str = "inbound") -> int:
    return total(local, name, "response_total", f'direction="{direction}"', 'classification="success"')


def reported(local: Local) -> int:
    """Return the successes that the control plane has heard of, of which there may be none yet."""
    return (local.shell.deployments(NAMESPACE, "10m")["web"]["requests"] or {"success": 0})["success"]


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait, while the clients of this test go on."""
    return await asyncio.to_thread(eventually, condition, seconds)


async def settled(local: Local, name: str, expected: int, direction: str = "inbound") -> None:
    assert await until(lambda: responses(local, name, direction) >= expected, 60)
    assert responses(local, name, direction) == expected


async def test_connections_are_shared_evenly_and_every_request_is_counted_once(local: Local) -> None:
    assert len(processes(local, "web")) == PROCESSES
    port = local.inbound("web")
    before, calls = responses(local), responses(local, "caller", "outbound")
    async with clients(port, 30) as plain, clients(local.outbound("web"), 30) as meshed:
        for _ in range(20):
            assert {await client.get() for client in plain} == {200}
            assert set(await asyncio.gather(*[client.get() for client in meshed])) == {200}
        held = [served(pid, port) for pid in processes(local, "web")]
        assert min(held) >= 8, held
        assert sum(held) >= 30
        assert min(served(pid, local.outbound("web")) for pid in processes(local, "caller")) >= 8
        await settled(local, "web", before + 1200)
        await settled(local, "caller", calls + 600, "outbound")
        # All of it arrived at the control plane, once.
        assert await until(lambda: reported(local) == before + 1200, 60)
    assert await until(lambda: total(local, "caller", "tcp_open_connections", 'peer="src"') == 0, 60)


async def test_calls_of_grpc_are_shared_and_counted(local: Local) -> None:
    port = local.inbound("echo")
    before = responses(local, "echo")
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=ONE_POOL) for _ in range(12)]
    for number, channel in enumerate(channels):
        echo = channel.unary_unary("/t.T/Echo")
        answers = await asyncio.gather(*[echo(b"%d" % number) for _ in range(25)])
        assert set(answers) == {b"%d" % number}
    held = [served(pid, port) for pid in processes(local, "echo")]
    assert min(held) >= 3, held
    await settled(local, "echo", before + 300)
    assert total(local, "echo", "response_total", 'grpc_status="0"') == before + 300
    for channel in channels:
        await channel.close()


async def test_a_tap_sees_all_processes_and_keeps_its_limit(local: Local) -> None:
    limit, seconds = 20, 4
    words = ("tap", "deploy/web", "-n", NAMESPACE, "--max-rps", str(limit), "--duration", f"{seconds}s", "-o", "json")
    watching = asyncio.create_task(asyncio.to_thread(local.shell.run, *words))
    sent = 0
    async with clients(local.inbound("web"), 12) as made:
        while not watching.done():
            assert set(await asyncio.gather(*[client.get() for client in made])) == {200}
            sent += len(made)
            await asyncio.sleep(0.03)
    ids = re.findall(r'"id": ?"(([0-9a-f]+)-[0-9a-f]+-[0-9a-f]+)"', await watching)
    events = Counter(name for name, _ in ids)
    # Head, response, end: who was let in is shown whole, but for those that were open when the tap ended.
    assert max(events.values()) == 3
    assert sum(count < 3 for count in events.values()) <= 12
    assert len({boot for _, boot in ids}) == PROCESSES  # each process begins its ids with its own boot
    # A bucket of one second's worth, which fills while the tap is on.
    assert limit * (seconds - 1) <= len(events) <= limit * (seconds + 2), (len(events), sent)
    assert sent > 3 * len(events)
    # Some were sent before the order was there; in flight were twelve at most.
    lost = total(local, "web", "meshtui_tap_dropped_events_total")
    assert 0 < lost <= sent - len(events) + 12


async def test_a_killed_process_takes_no_counts_along_and_is_replaced(local: Local) -> None:
    port = local.inbound("web")
    first = processes(local, "web")
    async with clients(port, 12) as made:
        for _ in range(10):
            await asyncio.gather(*[client.get() for client in made])
        begun = responses(local)
        assert served(first[1], port) >= 3
        totals = [begun]
        ending = asyncio.Event()
        answered = 0

        async def watch() -> None:
            while not ending.is_set():
                totals.append(await asyncio.to_thread(responses, local))
                await asyncio.sleep(0.1)

        async def one_after_the_other() -> None:
            nonlocal answered
            while not ending.is_set():
                with suppress(ConnectionError, asyncio.IncompleteReadError):  # it was with the one that is killed
                    async with clients(port, 1) as (client,):
                        answered += await client.get() == 200

        watching = asyncio.create_task(watch())
        asking = asyncio.create_task(one_after_the_other())
        await asyncio.sleep(0.5)
        os.kill(first[1], signal.SIGKILL)

        def replaced() -> bool:
            now = processes(local, "web")
            return len(now) == PROCESSES and first[1] not in now

        assert await until(replaced, 60)
        assert await until(lambda: answered > 100, 60)
        ending.set()
        await watching
        await asking
    assert totals == sorted(totals)
    assert totals[-1] > begun
    # What the killed one had open is closed, and counting goes on where it was.
    assert await until(lambda: total(local, "web", "tcp_open_connections", 'tls="no_identity"') == 0, 60)
    before = responses(local)
    assert await until(lambda: "started again" in local.log("web"), 60)
    async with clients(port, 12) as made:
        for _ in range(10):
            assert set(await asyncio.gather(*[client.get() for client in made])) == {200}
        (new,) = set(processes(local, "web")) - set(first)
        assert served(new, port) >= 3
    await settled(local, "web", before + 120)


async def test_the_end_of_the_lead_is_the_end_of_its_workers_and_no_request_fails(local: Local) -> None:
    port = local.inbound("web")
    lead, *workers = processes(local, "web")
    before = responses(local)
    assert await until(lambda: reported(local) == before, 60)
    async with clients(port, 60) as made:
        assert set(await asyncio.gather(*[client.get() for client in made])) == {200}
        assert min(served(pid, port) for pid in (lead, *workers)) >= 3
        slow = [asyncio.create_task(client.get(b"/slow")) for client in made]
        await asyncio.sleep(SLOW_S / 4)
        os.killpg(lead, signal.SIGTERM)  # as a launcher does, and a terminal: all of them hear it
        assert await asyncio.gather(*slow) == [200] * 60
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in (lead, *workers)) and time.monotonic() < end:
        await asyncio.sleep(0.05)
    assert not [pid for pid in (lead, *workers) if Path(f"/proc/{pid}").exists()]
    assert await until(lambda: reported(local) == before + 120, 60)


async def test_the_zone_that_the_control_plane_tells_is_that_of_every_process() -> None:
    application = free_port()
    async with serving(application), Solo() as solo:
        solo.plane.zone = "west"
        west, east = [await solo.inbound(zone, application) for zone in ("west", "east")]
        near = await solo.outbound("caller", west, east, zones=("west", "east"), workers=PROCESSES)
        assert await until(lambda: len(crew(near.process.pid)) == PROCESSES, 60)
        sent = strays = before = 0.0
        async with clients(near.port, 30) as made:
            for _ in range(20):
                for _ in range(10):
                    assert set(await asyncio.gather(*[client.get(b"/well") for client in made])) == {200}
                held = [served(pid, near.port) for pid in crew(near.process.pid)]
                assert min(held) >= 8, held
                sent, before = sent + 300, strays
                async with asyncio.timeout(60):  # a page of metrics may be half a second old
                    while True:
                        own, strays = [await each.metrics("response_total", SUCCEEDED) for each in (west, east)]
                        if own + strays == sent:
                            break
                        await asyncio.sleep(0.2)
                if strays - before < 30:
                    break
        # The own zone bears all of it. A process that knew of no zone would send half of its requests to the east, each
        # time; a moment in which the own zone is clearly slower, as on a busy machine, sends some or all.
        assert strays - before < 30, (sent, strays, before)


def test_a_worker_hears_its_lead_alone_and_ends_with_it() -> None:
    config = SidecarConfig(
        namespace="default",
        name="web",
        pod="web-0",
        trust_domain="local",
        identity_address="127.0.0.1:1",
        control_address="127.0.0.1:2",
        anchors_pem="-----BEGIN CERTIFICATE-----",
        token="once",
        admin=Listener(listen="fd:9"),
        workers=2,
    )
    talk, theirs = socket.socketpair()
    hand, taking = pair()
    given = (theirs.fileno(), taking.fileno())
    command = [sys.executable, "-m", "agents.sidecar.worker", *map(str, given)]
    with subprocess.Popen(command, pass_fds=given) as worker, talk, hand:
        theirs.close()
        taking.close()
        talk.settimeout(10)
        start = WorkerStart(config=configuration(config, []), number=1)
        talk.sendall(frame(ToWorker(start=start).SerializeToString()))
        frames = Frames()
        (first, *_) = [FromWorker.FromString(message) for message in frames.feed(talk.recv(1 << 16))]
        assert first.report.threads >= 1
        worker.send_signal(signal.SIGTERM)
        worker.send_signal(signal.SIGINT)
        talk.sendall(frame(ToWorker(ask=7).SerializeToString()))
        answers: list[int] = []
        while 7 not in answers:
            answers += [FromWorker.FromString(message).report.answer for message in frames.feed(talk.recv(1 << 16))]
        talk.close()  # as a lead's death does
        assert worker.wait(5) == 0
