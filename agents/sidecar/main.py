"""The sidecar's assembly: configuration to certificate to listeners, ready, and the way out on SIGTERM.

`python -m agents sidecar` calls `main`. What is decided here is only who knows whom; nothing of it runs per request.
"""

import asyncio
import logging
import os
import resource
import signal
from typing import TYPE_CHECKING

import uvloop

from agents.runtime.config import SidecarConfig, parse_listen
from agents.sidecar.admin.server import Admin
from agents.sidecar.feeds.feeds import Feeds, RefusedError
from agents.sidecar.traffic import Traffic, bind, make_runtime
from meshcore.log import setup

if TYPE_CHECKING:
    from agents.sidecar.crew.crew import Crew

UNLISTENED = 69  # exit status, EX_UNAVAILABLE: an address to listen on is somebody else's
REFUSED = 77  # exit status, EX_NOPERM of sysexits.h: the control plane gives this sidecar no identity


def main(config: SidecarConfig) -> int:
    """Run a sidecar until it is told to end; returns the exit status."""
    log = setup(config.log_level, "sidecar")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection is two descriptors, and 1024 are soon gone
    return uvloop.run(Sidecar(config, log).run())


class Sidecar:
    """One sidecar process."""

    def __init__(self, config: SidecarConfig, log: logging.Logger) -> None:
        self.config = config
        self.log = log
        self.runtime = make_runtime(config, log)

    async def run(self) -> int:
        """Start, serve, drain."""
        loop = asyncio.get_running_loop()
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ending.set)
        try:
            traffic = Traffic(self.runtime, bind)
            listening = parse_listen(self.config.admin.listen).bind()
        except OSError as error:
            self.log.critical("cannot listen: %s; end what has it, or configure another address", error.strerror)
            return UNLISTENED
        crew = self._crew(traffic)
        gather = None if crew is None else crew.gather
        feeds = Feeds(self.runtime, traffic.ports, os.getpid(), gather)
        admin = Admin(self.runtime, lambda: feeds.ready, lambda: feeds.uplink.up, gather)
        serving = await admin.serve(listening)
        starting = loop.create_task(self._start(feeds, crew))
        ended = loop.create_task(ending.wait())
        try:
            await asyncio.wait((starting, ended), return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()  # told to end while it still waits for the control plane
                await feeds.stop()
                return 0
            try:
                starting.result()
            except RefusedError as error:
                self.log.critical("no identity: %s", error)
                return REFUSED
            traffic.start()
            await ended
            await self._drain(traffic, feeds, crew)
            serving.close()
            return 0
        finally:
            if crew is not None:
                await crew.close()

    def _crew(self, traffic: Traffic) -> "Crew | None":
        if self.config.workers == 1:
            return None
        from agents.sidecar.crew.crew import Crew  # most sidecars are one process, and need not load it

        return Crew(self.runtime, traffic)

    async def _start(self, feeds: Feeds, crew: "Crew | None") -> None:
        """Get an identity; with workers wait for them: who connects first would stay with this process."""
        if crew is not None:
            crew.start()
        await feeds.start()
        if crew is not None:
            await crew.ready()

    async def _drain(self, traffic: Traffic, feeds: Feeds, crew: "Crew | None") -> None:
        """Let others know, take nothing new, finish what is open, hand in the last counters."""
        feeds.drain()
        await asyncio.sleep(self.config.leave_s)
        traffic.stop()
        if crew is not None:
            crew.drain()
        await traffic.finish(self.config.drain_s)
        if crew is not None:
            await crew.finish(self.config.drain_s)
        await feeds.stop()
