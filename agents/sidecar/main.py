"""The sidecar's assembly: configuration to certificate to listeners, ready, and the way out on SIGTERM.

`python -m agents sidecar` calls `main`. What is decided here is only who knows whom; nothing of it runs per request.
"""

import asyncio
import gc
import logging
import os
import random
import resource
import signal
import time
from functools import partial

import uvloop

from agents.runtime.config import Inbound, SidecarConfig, parse_listen
from agents.runtime.drain import Drain
from agents.sidecar.admin.server import Admin
from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.engine.hop import hello
from agents.sidecar.feeds.feeds import Feeds, RefusedError
from agents.sidecar.host.dial import Dialer
from agents.sidecar.host.doors import PROTOCOLS, Doors, opaque
from agents.sidecar.host.h2 import Served
from agents.sidecar.host.h2carrier import Fleet
from agents.sidecar.host.hop import HopServed
from agents.sidecar.host.hops import Hops
from agents.sidecar.host.host import Host
from agents.sidecar.host.listener import Listener, Ways
from agents.sidecar.host.original_dst import Inward, Outward
from agents.sidecar.host.serve import Makers
from agents.sidecar.host.tls import Contexts
from agents.sidecar.stacks import inbound_stack, outbound_stack
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Directory
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.rules import Rules
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.log import setup
from meshcore.wire import common_pb2, discovery_pb2

REFUSED = 77  # exit status, EX_NOPERM of sysexits.h: the control plane gives this sidecar no identity
SWEEP_S = 5.0
_LEAVE_S = 0.2  # between telling discovery and refusing connections: time for the news to travel


def main(config: SidecarConfig) -> int:
    """Run a sidecar until it is told to end; returns the exit status."""
    log = setup(config.log_level, "sidecar")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection is two descriptors, and 1024 are soon gone
    return uvloop.run(Sidecar(config, log).run())


def make_runtime(config: SidecarConfig, log: logging.Logger) -> Runtime:
    """Return the runtime of one process."""
    me = Peer(
        namespace=config.namespace,
        kind=config.kind,
        name=config.name,
        pod=config.pod,
        service_account=config.account,
        identity=config.identity,
    )
    boot_id = os.urandom(6).hex()
    return Runtime(
        me=me,
        boot_id=boot_id,
        counters=Counters(),
        taps=Taps(me, boot_id, time.monotonic),
        certs=Certs(),
        drain=Drain(),
        log=log,
        config=config,
        directory=Directory(own=frozenset(config.transparent.addresses if config.transparent else ())),
        rules=Rules(config.detect_timeout_s),
    )


class Sidecar:
    """One sidecar process."""

    def __init__(self, config: SidecarConfig, log: logging.Logger) -> None:
        self.config = config
        self.log = log
        self.runtime = make_runtime(config, log)
        self.listeners: list[Listener] = []
        self.ports: list[discovery_pb2.InstancePort] = []

    async def run(self) -> int:
        """Start, serve, drain."""
        loop = asyncio.get_running_loop()
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ending.set)
        contexts = Contexts(self.runtime.certs)
        fleet = Fleet(loop, contexts, hello(self.runtime.me), self.log)
        self.runtime.certs.subscribe(fleet.renew)
        host = Host(self.runtime, loop, Dialer(loop, Hops(fleet)), random.random)
        fleet.flow = host.outward
        makers = Makers(partial(Served, host, fleet), partial(HopServed, host, fleet))
        self._listen(host, makers, contexts)
        feeds = Feeds(self.runtime, self.ports, os.getpid())
        admin = Admin(self.runtime, lambda: feeds.ready, lambda: feeds.uplink.up)
        serving = await admin.serve(parse_listen(self.config.admin.listen).bind())
        starting = loop.create_task(feeds.start())
        ended = loop.create_task(ending.wait())
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
        for listener in self.listeners:
            listener.start()
        gc.collect()
        gc.freeze()  # what exists now stays: collections need not look at it again
        sweep = loop.create_task(_sweep(host))
        await ended
        sweep.cancel()
        await self._drain(host, feeds)
        serving.close()
        return 0

    def _listen(self, host: Host, makers: Makers, contexts: Contexts) -> None:
        """Open every door; nobody is let in yet."""
        config = self.config
        doors = Doors(self.runtime, inbound_stack(self.runtime), outbound_stack(self.runtime))
        for inbound in config.inbound:
            if inbound.listen:
                self._offer(inbound, self._open(host, makers, contexts, doors.application(inbound), inbound.listen))
        for outbound in config.outbound:
            self._open(host, makers, contexts, doors.upstream(outbound), outbound.listen)
        if config.proxy is not None:
            ip, port = self._open(host, makers, contexts, doors.proxy(), config.proxy.listen)
            host.forbidden.update(f"{name}:{port}".encode() for name in (ip, "localhost", "127.0.0.1"))
        transparent = config.transparent
        if transparent is not None:
            listens = (*transparent.inbound, *transparent.outbound, config.admin.listen)
            own = [parse_listen(listen).port for listen in listens]
            ports = {inbound.port: inbound for inbound in config.inbound}
            inward, outward = Inward(doors, own, ports), Outward(doors, own)
            for listen in transparent.inbound:
                self._open(host, makers, contexts, doors.redirected(INBOUND), listen, inward)
            for listen in transparent.outbound:
                self._open(host, makers, contexts, doors.redirected(OUTBOUND), listen, outward)
            for inbound in config.inbound:
                if not inbound.listen:  # whoever dials the application's port is brought here
                    self._offer(inbound, (transparent.addresses[0], inbound.port))

    def _open(
        self, host: Host, makers: Makers, contexts: Contexts, door: Door, listen: str, ways: Ways | None = None
    ) -> tuple[str, int]:
        listening = parse_listen(listen).bind()
        self.listeners.append(Listener(host, makers, contexts, door, listening, ways))
        ip, port = listening.getsockname()[:2]
        return ip, port

    def _offer(self, inbound: Inbound, proxy: tuple[str, int]) -> None:
        """Have discovery told of one of the application's ports, and where to dial for it."""
        self.ports.append(
            discovery_pb2.InstancePort(
                name=inbound.name,
                port=inbound.port,
                proxy_ip=proxy[0],
                proxy_port=proxy[1],
                protocol=PROTOCOLS.get(inbound.protocol, common_pb2.PROTOCOL_UNKNOWN),
                opaque=opaque(inbound),
            )
        )

    async def _drain(self, host: Host, feeds: Feeds) -> None:
        """Let others know, take nothing new, finish what is open, hand in the last counters."""
        feeds.drain()
        await asyncio.sleep(_LEAVE_S)
        self.runtime.drain.begin()
        host.draining = True
        for listener in self.listeners:
            listener.stop()
        deadline = time.monotonic() + self.config.drain_s
        for connection in tuple(host.open):
            connection.drain()
        while host.open and time.monotonic() < deadline:  # noqa: ASYNC110 - the last to close does not know that it is
            await asyncio.sleep(0.05)
        if host.open:
            self.log.warning("%d connections were still open after %g s", len(host.open), self.config.drain_s)
        await feeds.stop()


async def _sweep(host: Host) -> None:
    """Close what has been idle for long."""
    while True:
        await asyncio.sleep(SWEEP_S)
        host.sweep(time.perf_counter())
