"""A worker process of a sidecar: `python -m agents.sidecar.worker TALK HAND`, two descriptors that the lead left open.

crew/member starts it. It has the data plane of a sidecar and no feeds but the lead: it opens no port, dials no control
plane, and ends when the lead says so or is gone. Signals are the lead's business: who ends a sidecar ends its process
group, and its workers must finish what they have.
"""

import asyncio
import resource
import signal
import socket
import sys
from collections.abc import Sequence

import uvloop

from agents.runtime.config import read
from agents.sidecar.crew.channel import Channel
from agents.sidecar.crew.follower import Follower
from agents.sidecar.crew.handover import Taker
from agents.sidecar.traffic import Traffic, leave, make_runtime
from meshcore.log import setup
from meshcore.wire.worker_pb2 import ToWorker, WorkerStart


class Worker:
    """One worker process."""

    def __init__(self, hand: socket.socket) -> None:
        self._hand = hand
        self._ended = asyncio.Event()
        self._channel = Channel(ToWorker, self._hear, self._ended.set)
        self._follower: Follower | None = None

    async def run(self, talk: socket.socket) -> int:
        """Work until the lead is gone."""
        await self._channel.open(talk)
        await self._ended.wait()
        return 0

    def _hear(self, said: ToWorker) -> None:
        if self._follower is not None:
            self._follower.hear(said)
        elif said.HasField("start"):
            self._follower = self._begin(said.start)

    def _begin(self, start: WorkerStart) -> Follower:
        config = read(start.config)
        log = setup(config.log_level, f"sidecar.worker-{start.number}")
        runtime = make_runtime(config, log)
        traffic = Traffic(runtime, leave)
        taker = Taker(self._hand, traffic.listeners, log)
        traffic.start()
        return Follower(runtime, traffic, taker, self._channel)


async def _work(talk: int, hand: int) -> int:
    return await Worker(socket.socket(fileno=hand)).run(socket.socket(fileno=talk))


def main(argv: Sequence[str]) -> int:
    """Run one worker; returns the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    talk, hand = map(int, argv)
    return uvloop.run(_work(talk, hand))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
