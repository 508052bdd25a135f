"""A sidecar of several processes: the lead keeps all that others see of it, workers only carry more of its traffic.

main makes a Crew where the configuration asks for workers. The lead accepts, serves, and shares out; what workers count
and see is added to its own counters and taps before anybody looks (`gather`), so that to the control plane, to
Prometheus and to the applications it is one sidecar.
"""

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import asdict, replace

from agents.runtime.config import Listener as Listen
from agents.runtime.config import SidecarConfig
from agents.sidecar.crew.bulletin import Bulletin
from agents.sidecar.crew.follower import REPORT_S
from agents.sidecar.crew.member import Member, Session
from agents.sidecar.host.listener import Listener
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.traffic import Traffic
from meshcore.wire.ids import join

ANSWER_S = 0.25  # how long a look at the counters waits for workers' last counts
START_S = 10.0
END_S = 1.0  # for the last report of a worker that has used up its time to drain


class Crew:
    """The workers of one sidecar."""

    def __init__(self, runtime: Runtime, traffic: Traffic) -> None:
        self._runtime = runtime
        self._traffic = traffic
        self._members: list[Member] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._asked = 0
        self._kept = 0
        self._clients = 0  # of the lead, when last looked at, and since then
        self._looked = 0.0
        self._numbers = {listener: number for number, listener in enumerate(traffic.listeners)}
        for listener in traffic.listeners:
            listener.share = self.share

    @property
    def _sessions(self) -> list[Session]:
        return [member.session for member in self._members if member.session is not None]

    def start(self) -> None:
        """Start the workers; after the feeds have been made, whose state they follow."""
        bulletin = Bulletin(self._runtime)
        config: SidecarConfig = self._runtime.config
        told = configuration(config, self._traffic.addresses)
        for number in range(1, config.workers):
            member = Member(number, told, self._runtime, bulletin)
            self._members.append(member)
            self._tasks.append(asyncio.get_running_loop().create_task(member.keep()))

    async def ready(self, limit_s: float = START_S) -> None:
        """Wait until every worker takes connections, or the time is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + limit_s
        while loop.time() < end:
            if sum(session.ready for session in self._sessions) == len(self._members):
                return
            await asyncio.sleep(0.02)
        self._runtime.log.warning("not every worker is ready after %g s; the others begin", limit_s)

    async def gather(self) -> None:
        """Have the workers' counts up to now added to the sidecar's."""
        self._asked += 1
        answers = [session.ask(self._asked) for session in self._sessions]
        if answers:
            await asyncio.wait(answers, timeout=ANSWER_S)

    def share(self, listener: Listener, accepted: socket.socket) -> bool:
        """Give an accepted connection to the process with the fewest; False: that is the lead itself."""
        # Workers say several times a second how many they have, so until then those that have closed again still count.
        # The lead looks at its own as rarely, or it would seem the emptiest and take all that do not stay.
        now = listener.host.loop.time()
        if now - self._looked >= REPORT_S:
            self._looked, self._clients = now, self._traffic.clients
        chosen: Session | None = None
        fewest = (self._clients, self._kept)
        for session in self._sessions:
            if session.able and (session.clients, session.handed) < fewest:
                chosen, fewest = session, (session.clients, session.handed)
        if chosen is not None and chosen.give(self._numbers[listener], accepted):
            return True
        self._clients += 1
        self._kept += 1
        return False

    def drain(self) -> None:
        """Have every worker finish what it has, and end."""
        for member in self._members:
            member.drain()

    async def finish(self, limit_s: float) -> None:
        """Wait until every worker has ended, or used up its time."""
        await asyncio.wait(self._tasks, timeout=limit_s + END_S)

    async def close(self) -> None:
        """End what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def configuration(config: SidecarConfig, addresses: list[tuple[str, int]]) -> bytes:
    """Return the configuration for a worker: real addresses in the order of the listeners, and no token."""
    at = iter([join(*address) for address in addresses])
    transparent = config.transparent
    told = replace(
        config,
        token="spent",  # noqa: S106 - by the lead, on the first certificate
        token_file="",
        inbound=tuple(replace(each, listen=next(at)) if each.listen else each for each in config.inbound),
        outbound=tuple(replace(each, listen=next(at)) for each in config.outbound),
        proxy=Listen(listen=next(at)) if config.proxy else None,
        transparent=transparent
        and replace(
            transparent,
            inbound=_next(at, len(transparent.inbound)),
            outbound=_next(at, len(transparent.outbound)),
        ),
    )
    return json.dumps(asdict(told)).encode()


def _next(at: Iterator[str], count: int) -> tuple[str, ...]:
    return tuple(next(at) for _ in range(count))
