"""The data plane of one process: every listener of the configuration with what answers behind it, and the way out.

main makes one and opens the sockets for it; a worker's process makes one that is handed its connections by main's.
What is decided here is only who knows whom; nothing of it runs per request.
"""

import asyncio
import gc
import logging
import os
import random
import resource
import socket
import time
from collections.abc import Callable
from functools import partial

from agents.runtime.config import Inbound, SidecarConfig, parse_listen
from agents.runtime.drain import Drain
from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.engine.hop import hello
from agents.sidecar.host.dial import Dialer
from agents.sidecar.host.doors import PROTOCOLS, Doors, opaque
from agents.sidecar.host.h2 import Served
from agents.sidecar.host.h2fleet import Fleet
from agents.sidecar.host.hop import HopServed
from agents.sidecar.host.hops import Hops
from agents.sidecar.host.host import Host
from agents.sidecar.host.listener import Listener, Ways
from agents.sidecar.host.original_dst import Inward, Outward
from agents.sidecar.host.serve import Makers
from agents.sidecar.host.tls import Contexts
from agents.sidecar.stacks import inbound_stack, outbound_stack
from agents.sidecar.state.bounds import Bounds, affordable
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Directory
from agents.sidecar.state.others import Others
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.rules import Rules
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.wire import common_pb2, discovery_pb2

SWEEP_S = 5.0
CUT_S = 0.5  # for the last words to those who are cut off
DRAINING = "draining"  # why they are
Opened = tuple[socket.socket | None, str, int]  # the listening socket, if it is this process's, and its address


def bind(listen: str) -> Opened:
    """Open a listening socket; OSError if the address cannot be had."""
    listening = parse_listen(listen).bind()
    ip, port = listening.getsockname()[:2]
    return listening, ip, port


def leave(listen: str) -> Opened:
    """Leave the listening to another process, which hands over the connections."""
    there = parse_listen(listen)
    return None, there.host, there.port


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
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections, requests, waiting = (
        max(1, most // config.workers)  # this process's share
        for most in (config.max_connections, config.max_requests, config.max_waiting_bytes)
    )
    counters = Counters()
    return Runtime(
        me=me,
        boot_id=boot_id,
        counters=counters,
        taps=Taps(me, boot_id, time.perf_counter, lambda: counters.begun),
        certs=Certs(),
        drain=Drain(),
        log=log,
        config=config,
        directory=Directory(
            own=frozenset(config.transparent.addresses if config.transparent else ()), zone=config.zone
        ),
        rules=Rules(config.detect_timeout_s),
        bounds=Bounds(affordable(connections, descriptors), requests, waiting, config.max_streams),
        others=Others(config.workers),
    )


class Traffic:
    """The data plane. Every door is there at once; nobody is let in before `start`."""

    def __init__(self, runtime: Runtime, opener: Callable[[str], Opened]) -> None:
        loop = asyncio.get_running_loop()
        config: SidecarConfig = runtime.config
        self.listeners: list[Listener] = []
        self.addresses: list[tuple[str, int]] = []  # of the listeners
        self.ports: list[discovery_pb2.InstancePort] = []  # what discovery is told
        self._runtime = runtime
        self._opener = opener
        self._contexts = Contexts(runtime.certs)
        fleet = Fleet(loop, self._contexts, hello(runtime.me), runtime.log)
        runtime.certs.subscribe(fleet.renew)
        runtime.taps.later = loop.call_later
        self.host = Host(runtime, loop, Dialer(loop, Hops(fleet)), random.random)
        fleet.flow = self.host.outward
        fleet.violated = self.host.violated
        fleet.meter = runtime.bounds
        self._makers = Makers(partial(Served, self.host, fleet), partial(HopServed, self.host, fleet))
        self._sweeping: asyncio.Task[None] | None = None
        self._listen(config)

    @property
    def clients(self) -> int:
        """Return how many connections there are, those that have not shown yet what they speak among them."""
        return self.host.connections

    def start(self) -> None:
        """Let clients in."""
        for listener in self.listeners:
            listener.start()
        gc.collect()
        gc.freeze()  # what exists now stays: collections need not look at it again
        self._sweeping = self.host.loop.create_task(_sweep(self.host))

    def stop(self) -> None:
        """Let nobody in any more, and tell those who are in that it ends."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._runtime.drain.begin()
        self.host.draining = True
        for listener in self.listeners:
            listener.stop()
        for connection in tuple(self.host.open):
            connection.drain()

    async def finish(self, limit_s: float) -> None:
        """Wait until the last connection is closed; what is open when the time is over is cut off, told and counted."""
        if await self._emptied(limit_s):
            return
        still = tuple(self.host.open)
        self._runtime.log.warning("%d connections were still open after %g s, and are cut off", len(still), limit_s)
        for connection in still:
            connection.cut(DRAINING)
        await self._emptied(CUT_S)

    async def _emptied(self, limit_s: float) -> bool:
        deadline = time.monotonic() + limit_s
        while self.host.open and time.monotonic() < deadline:  # noqa: ASYNC110 - the last to close does not know it
            await asyncio.sleep(0.05)
        return not self.host.open

    def _listen(self, config: SidecarConfig) -> None:
        runtime = self._runtime
        doors = Doors(runtime, inbound_stack(runtime), outbound_stack(runtime))
        for inbound in config.inbound:
            if inbound.listen:
                self._offer(inbound, self._open(doors.application(inbound), inbound.listen))
        for outbound in config.outbound:
            self._open(doors.upstream(outbound), outbound.listen)
        if config.proxy is not None:
            ip, port = self._open(doors.proxy(), config.proxy.listen)
            self.host.forbidden.update(f"{name}:{port}".encode() for name in (ip, "localhost", "127.0.0.1"))
        transparent = config.transparent
        if transparent is not None:
            listens = (*transparent.inbound, *transparent.outbound, config.admin.listen)
            own = [parse_listen(listen).port for listen in listens]
            ports = {inbound.port: inbound for inbound in config.inbound}
            inward, outward = Inward(doors, own, ports), Outward(doors, own)
            for listen in transparent.inbound:
                self._open(doors.redirected(INBOUND), listen, inward)
            for listen in transparent.outbound:
                self._open(doors.redirected(OUTBOUND), listen, outward)
            for inbound in config.inbound:
                if not inbound.listen:  # whoever dials the application's port is brought here
                    self._offer(inbound, (transparent.addresses[0], inbound.port))

    def _open(self, door: Door, listen: str, ways: Ways | None = None) -> tuple[str, int]:
        listening, ip, port = self._opener(listen)
        self.listeners.append(Listener(self.host, self._makers, self._contexts, door, listening, ways))
        self.addresses.append((ip, port))
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


async def _sweep(host: Host) -> None:
    """Close what has been idle for long."""
    while True:
        await asyncio.sleep(SWEEP_S)
        host.sweep(time.perf_counter())
