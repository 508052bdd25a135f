"""One worker, as the lead sees it: what a process of it says, and the process that is kept running.

A `Session` is one process: its counts go into the sidecar's, its events through the taps' limits, its wishes to the
bulletin. A `Member` starts the next one when it ends.
"""

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable
from typing import Final

from agents.sidecar.crew.admission import Admission
from agents.sidecar.crew.bulletin import Bulletin
from agents.sidecar.crew.channel import Channel
from agents.sidecar.crew.handover import give, pair, room
from agents.sidecar.crew.tally import Tally
from agents.sidecar.state.counters import OUTBOUND, Counters, Edge
from agents.sidecar.state.others import Figures, Load
from agents.sidecar.state.peers import Link
from agents.sidecar.state.runtime import Runtime
from meshcore.backoff import Backoff
from meshcore.wire import worker_pb2
from meshcore.wire.worker_pb2 import FromWorker, ToWorker

BEHIND: Final = 8 << 20  # bytes that wait for a worker: it does not read any more
SLOW: Final = 3  # questions in a row without an answer: others take the new connections
SILENT: Final = 30  # it hangs
_END_S = 2.0  # between the end of what a process says and its own


class Session:
    """One process of a worker."""

    def __init__(self, runtime: Runtime, bulletin: Bulletin, hand: socket.socket, kill: Callable[[str], None]) -> None:
        self.ready = False
        self.handed = 0
        self.ended = asyncio.get_running_loop().create_future()
        self.channel = Channel(FromWorker, self.hear, self._lost)
        self._runtime = runtime
        self._bulletin = bulletin
        self._hand = hand
        self._kill = kill
        self._tally = Tally(runtime)
        self._admission = Admission(runtime.taps)
        self._figures = Figures()
        self._doomed = False
        self._taken = 0
        self._questions: dict[int, asyncio.Future[None]] = {}
        runtime.others.all.append(self._figures)

    @property
    def able(self) -> bool:
        """Tell whether it takes new connections."""
        return self.ready and len(self._questions) < SLOW

    @property
    def clients(self) -> int:
        """Return how many connections it has, those included that are on their way to it."""
        return self._figures.clients + self.handed - self._taken

    def give(self, listener: int, accepted: socket.socket) -> bool:
        """Hand it a connection; False if it cannot take one."""
        if not give(self._hand, listener, accepted):
            return False
        self.handed += 1
        return True

    def tell(self, said: ToWorker) -> None:
        """Send a message; a process that reads nothing is ended, not waited for."""
        if self.channel.waiting > BEHIND:
            self._doom("it reads nothing any more")
        else:
            self.channel.send(said)

    def ask(self, number: int) -> "asyncio.Future[None]":
        """Ask for a report now; the future is done when it has been counted, or never will be."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.ended.done():
            answer.set_result(None)
            return answer
        if len(self._questions) >= SILENT:
            self._doom("it does not answer any more")
        self._questions[number] = answer
        self.tell(ToWorker(ask=number))
        return answer

    def drain(self) -> None:
        """Have it finish what is open, and end."""
        self.ready = False
        self._hand.close()  # first: what was handed over before is all that there is
        self.tell(ToWorker(drain=True))

    def hear(self, said: FromWorker) -> None:
        """Take in what it says."""
        match said.WhichOneof("said"):
            case "report":
                self._report(said.report)
            case "tap":
                self._admission.take(said.tap)
            case "follow":
                self._bulletin.follow(self, said.follow)
            case "unfollow":
                self._bulletin.unfollow(self, said.unfollow)
            case "ready":
                self.ready = True

    def _doom(self, reason: str) -> None:
        if not self._doomed:
            self._doomed = True
            self.ready = False
            self._kill(reason)

    def _report(self, report: worker_pb2.WorkerReport) -> None:
        self._tally.take(report)
        figures, status = self._figures, report.stats.status
        figures.cpu_us = status.cpu_us
        figures.rss_bytes = status.rss_bytes
        figures.virtual_bytes = report.virtual_bytes
        figures.descriptors = report.descriptors
        figures.threads = report.threads
        figures.inflight = status.inflight
        figures.waiting_bytes = report.waiting_bytes
        figures.clients = report.clients
        self._taken = report.taken
        for load in report.targets:
            self._load(load)
        for number in [number for number in self._questions if number <= report.answer]:
            _done(self._questions.pop(number))

    def _load(self, load: worker_pb2.TargetLoad) -> None:
        endpoints = self._runtime.directory.sets.get(load.target)
        if endpoints is None or not load.endpoints:
            self._figures.loads.pop(load.target, None)
            return
        endpoints.used = max(endpoints.used, load.used)
        for each in load.endpoints:
            endpoint = endpoints.by_id.get(each.id)
            if each.ewma and endpoint is not None and endpoint.link.edge is None:
                endpoint.link.edge = self._edge(endpoint.link)  # where its connections are counted
        self._figures.loads[load.target] = {each.id: Load(each.ewma, each.inflight) for each in load.endpoints}

    def _edge(self, link: Link) -> Edge:
        peer, service = link.peer, link.service
        counters: Counters = self._runtime.counters
        return counters.edge(
            OUTBOUND, peer, service.namespace, service.name, service.port, peer.tls, peer.no_tls_reason
        )

    def _lost(self) -> None:
        """It has said all that it ever will."""
        self.ready = False
        self._hand.close()
        self._bulletin.leave(self)
        self._tally.close()
        self._runtime.others.remove(self._figures)
        for answer in self._questions.values():
            _done(answer)
        self._questions.clear()
        _done(self.ended)


class Member:
    """One worker of a sidecar, whichever process it is at the moment."""

    def __init__(self, number: int, config: bytes, runtime: Runtime, bulletin: Bulletin) -> None:
        self.number = number
        self.session: Session | None = None
        self._leaving = asyncio.Event()
        self._start = ToWorker(start=worker_pb2.WorkerStart(config=config, number=number))
        self._runtime = runtime
        self._bulletin = bulletin
        self._log: logging.Logger = runtime.log

    async def keep(self) -> None:
        """Keep a process running until the sidecar drains."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(first=0.2, most=10.0)
        while not self._leaving.is_set():
            began = loop.time()
            try:
                status = await self._run()
            except OSError as error:
                status = f"it could not be started: {error.strerror}"
            if self._leaving.is_set():
                return
            pause = backoff.after(loop.time() - began)
            self._log.error("worker %d ended (%s) and is started again in %.1f s", self.number, status, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), pause)

    def drain(self) -> None:
        """Have the process finish, and start no other."""
        self._leaving.set()
        if self.session is not None and not self.session.ended.done():
            self.session.drain()

    async def _run(self) -> str:
        """Run one process to its end; returns how it ended."""
        room()
        talk, theirs = socket.socketpair()
        hand, taking = pair()
        given = (theirs.fileno(), taking.fileno())
        try:
            # A process of its own from the start: what gRPC, TLS and the loop hold does not survive a fork.
            process = await asyncio.create_subprocess_exec(
                sys.executable, *_flags(), "-m", "agents.sidecar.worker", *map(str, given),
                stdin=asyncio.subprocess.DEVNULL, pass_fds=given,
            )  # fmt: skip
        except BaseException:
            talk.close()
            hand.close()
            raise
        finally:
            theirs.close()
            taking.close()

        def kill(reason: str) -> None:
            self._log.error("worker %d is ended: %s", self.number, reason)
            _kill(process)

        session = Session(self._runtime, self._bulletin, hand, kill)
        try:
            await session.channel.open(talk)
            self.session = session
            session.channel.send(self._start)
            self._bulletin.join(session)
            if self._leaving.is_set():
                session.drain()
            await session.ended
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _END_S)
        finally:
            self.session = None
            _kill(process)
            status = await process.wait()
        return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


def _flags() -> list[str]:
    """Return with which of its flags, if any, the interpreter of this process was told to load less."""
    return [flag for given, flag in ((sys.flags.no_site, "-S"), (sys.flags.safe_path, "-P")) if given]


def _kill(process: "asyncio.subprocess.Process") -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def _done(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
