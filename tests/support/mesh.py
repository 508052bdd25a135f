"""The data plane of sidecars inside a test: real sockets, real mutual TLS, no control plane and no processes.

async with Mesh() as mesh:
    far = mesh.sidecar("voting")
    port = far.inbound(application_port)              # the far sidecar's listener
    near = mesh.sidecar("web")
    entry = near.outbound("voting", near.endpoint(far, port))   # what the application dials
"""

import asyncio
import logging
import os
import random
import socket
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

from agents.runtime.drain import Drain
from agents.sidecar.engine.exchange import INBOUND, OUTBOUND, Exchange
from agents.sidecar.engine.hop import hello
from agents.sidecar.engine.stack import Stack
from agents.sidecar.host.dial import Dialer
from agents.sidecar.host.h2 import Served
from agents.sidecar.host.h2fleet import Fleet
from agents.sidecar.host.hop import HopServed
from agents.sidecar.host.hops import Hops
from agents.sidecar.host.host import Host
from agents.sidecar.host.listener import Listener
from agents.sidecar.host.serve import Makers
from agents.sidecar.host.tls import Contexts
from agents.sidecar.stacks import inbound_stack, outbound_stack
from agents.sidecar.state.certs import Certificate, Certs
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import TLS_MUTUAL, Peer, ServiceKey
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.pki import authority


class Mesh:
    """A trust domain and its sidecars."""

    def __init__(self) -> None:
        self.authority = new_authority()
        self.sidecars: list[Plane] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for sidecar in self.sidecars:
            sidecar.close()
        await asyncio.sleep(0.05)

    def certificate(
        self,
        identity: str,
        issuer: authority.Authority | None = None,
        *,
        after: timedelta = timedelta(),
        life: timedelta = authority.LEAF_LIFE,
    ) -> Certificate:
        """Issue a certificate that is valid from `after` now on."""
        now = datetime.now(UTC) + after
        key = authority.new_key()
        leaf = (issuer or self.authority).issue(key.public_key(), identity, now, life=life)
        handle = os.memfd_create("certificate")
        os.write(handle, authority.key_pem(key) + leaf.pem)
        end = (now + timedelta(hours=1)).timestamp()
        path = f"/proc/self/fd/{handle}"
        return Certificate(identity, leaf.pem, authority.key_pem(key), path, now.timestamp(), end, "00")

    def sidecar(self, name: str, issuer: authority.Authority | None = None) -> "Plane":
        made = Plane(self, name, issuer)
        self.sidecars.append(made)
        return made


def new_authority(name: str = "test") -> authority.Authority:
    now = datetime.now(UTC)
    anchor, anchor_key = authority.create_anchor(name, now)
    issuer, key = authority.create_issuer(name, anchor, anchor_key, now)
    return authority.Authority(issuer, key, (anchor,))


class Ended:
    """A stage that remembers the exchanges that ended."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def on_end(self, x: Exchange) -> None:
        self.exchanges.append(x)


class Plane:
    """One sidecar's data plane."""

    def __init__(self, mesh: Mesh, name: str, issuer: authority.Authority | None) -> None:
        identity = f"spiffe://local/ns/default/sa/{name}"
        self.mesh = mesh
        self.me = Peer("default", "deployment", name, f"{name}-0", name, identity)
        certs = Certs()
        certs.install(mesh.certificate(identity, issuer), mesh.authority.bundle_pem.decode())
        self.runtime = Runtime(
            me=self.me,
            boot_id="test",
            counters=Counters(),
            taps=Taps(self.me, "test", time.monotonic),
            certs=certs,
            drain=Drain(),
            log=logging.getLogger("test"),
        )
        loop = asyncio.get_running_loop()
        self.contexts = Contexts(certs)
        self.fleet = Fleet(loop, self.contexts, hello(self.me), self.runtime.log)
        certs.subscribe(self.fleet.renew)
        self.fleet.meter = self.runtime.bounds
        self.host = Host(self.runtime, loop, Dialer(loop, Hops(self.fleet)), random.random)
        self.fleet.violated = self.host.violated
        self.makers = Makers(partial(Served, self.host, self.fleet), partial(HopServed, self.host, self.fleet))
        self.ended = Ended()
        self.listeners: list[Listener] = []

    def _stack(self, stack: Stack) -> Stack:
        return Stack(*stack.stages, self.ended)

    def renew(self) -> None:
        """Put a new certificate in force."""
        certs = self.runtime.certs
        certs.install(self.mesh.certificate(self.me.identity), certs.anchors_pem)

    def inbound(self, port: int) -> int:
        """Listen for an application's port; returns the port to dial."""
        service = ServiceKey("default", self.me.name, port)
        endpoint = Endpoint("127.0.0.1", port, peer=Peer(), service=service)
        return self._listen(
            Door(INBOUND, self._stack(inbound_stack(self.runtime)), port=port, service=service, endpoint=endpoint)
        )

    def outbound(self, name: str, *endpoints: Endpoint) -> int:
        """Listen for what goes to endpoints; returns the port to dial."""
        target = EndpointSet(name)
        target.exists = True
        target.service = ServiceKey("default", name, 80)
        target.endpoints = endpoints
        return self._listen(
            Door(OUTBOUND, self._stack(outbound_stack(self.runtime)), service=target.service, target=target)
        )

    def endpoint(self, far: "Plane | None", port: int) -> Endpoint:
        """Return a meshed endpoint, or with None a plain one."""
        peer = Peer()
        if far is not None:
            me = far.me
            peer = Peer(me.namespace, me.kind, me.name, me.pod, me.service_account, me.identity, tls=TLS_MUTUAL)
        return Endpoint("127.0.0.1", port, peer=peer)

    def _listen(self, door: Door) -> int:
        listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        listening.setblocking(False)
        listener = Listener(self.host, self.makers, self.contexts, door, listening)
        listener.start()
        self.listeners.append(listener)
        port: int = listening.getsockname()[1]
        return port

    def close(self) -> None:
        for listener in self.listeners:
            listener.stop()
        self.fleet.abort()
        for connection in tuple(self.host.open):
            transport: Any = connection.transport if hasattr(connection, "transport") else connection.near.transport
            if transport is not None:
                transport.abort()
