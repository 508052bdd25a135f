"""Playbooks: scripts of bytes for a sidecar's HTTP/1 and opaque parts, without sockets and in virtual time.

    book = Playbook()
    book.client >> b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
    book.server() << b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"

`>>` is what a side sends, `<<` what it must have been sent since the last look. `book.exchanges` are those that ended.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agents.runtime.config import Listener, SidecarConfig, Transparent
from agents.runtime.drain import Drain
from agents.sidecar.engine.exchange import INBOUND, OUTBOUND, Exchange
from agents.sidecar.engine.stack import Stack
from agents.sidecar.host.dial import Dialer
from agents.sidecar.host.doors import Doors
from agents.sidecar.host.downstream import Downstream
from agents.sidecar.host.host import Host
from agents.sidecar.stacks import inbound_stack, outbound_stack
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import TLS_NONE, Peer, ServiceKey
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps

ME = Peer("default", "deployment", "web", "web-0", "web")
SERVICE = ServiceKey("default", "web", 8080)


class Clock:
    """Time that passes only when told; timers fire in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[Timer] = []

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> "Timer":
        timer = Timer(self.now + delay, callback, args)
        self._timers.append(timer)
        return timer

    def call_soon(self, callback: Callable[..., None], *args: Any) -> "Timer":
        return self.call_later(0.0, callback, *args)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while due := [timer for timer in self._timers if timer.when <= until]:
            timer = min(due, key=lambda timer: timer.when)
            self._timers.remove(timer)
            self.now = timer.when
            if not timer.cancelled:
                timer.callback(*timer.args)
        self.now = until


class Timer:
    """A timer's handle."""

    def __init__(self, when: float, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.when = when
        self.callback = callback
        self.args = args
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Side:
    """The far end of one connection of the sidecar: also the transport that the sidecar's protocol sees."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.received = b""
        self.writes = 0
        self.closed = False
        self.leaving = False  # as a stream of a hop may be
        self.aborted = False
        self.eof = False
        self.paused = False

    # What a test does.

    def __rshift__(self, data: bytes) -> "Side":
        self.protocol.data_received(data)
        return self

    def __lshift__(self, expected: bytes) -> "Side":
        received, self.received = self.received, b""
        assert received == expected
        return self

    def hang_up(self, error: BaseException | None = None) -> None:
        """Close from the far end."""
        if error is None and self.protocol.eof_received():
            return
        self.lose(error)

    def lose(self, error: BaseException | None = None) -> None:
        self.closed = True
        self.protocol.connection_lost(error)

    # What the sidecar does.

    def write(self, data: bytes) -> None:
        assert not self.closed, "written after close"
        self.received += data
        self.writes += 1

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.eof = True

    def is_closing(self) -> bool:
        return self.closed

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.protocol.connection_lost(None)

    def abort(self) -> None:
        self.aborted = True
        self.close()


class Dials(Dialer):
    """Connects to nobody; each connection becomes a Side, at once unless `manual`. Refusals take a turn of the loop."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sides: list[Side] = []
        self.opened: list[tuple[Endpoint, bytes]] = []
        self.manual = False
        self.refusing: set[Endpoint] = set()

    def open(self, endpoint: Endpoint, name: bytes, protocol: asyncio.Protocol) -> None:
        self.opened.append((endpoint, name))
        if endpoint in self.refusing:
            self.clock.call_soon(protocol.connection_lost, ConnectionRefusedError())
            return
        side = Side(protocol)
        self.sides.append(side)
        if not self.manual:
            protocol.connection_made(side)  # type: ignore[arg-type]


class Recorder:
    """A last stage that keeps what has ended."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        self._exchanges = exchanges

    def on_end(self, x: Exchange) -> None:
        self._exchanges.append(x)


def make_runtime() -> Runtime:
    return Runtime(
        me=ME,
        boot_id="boot",
        counters=Counters(),
        taps=Taps(ME, "boot", lambda: 0.0),
        certs=Certs(),
        drain=Drain(),
        log=logging.getLogger("test"),
    )


def make_doors(transparent: Transparent | None = None) -> Doors:
    """Return the doors of a sidecar that is configured with no more than it must be."""
    config = SidecarConfig(
        namespace="shop",
        name="web",
        pod="web-0",
        trust_domain="local",
        identity_address="127.0.0.1:1",
        control_address="127.0.0.1:2",
        anchors_pem="",
        token="",
        admin=Listener(listen="127.0.0.1:0"),
        transparent=transparent,
    )
    runtime = replace(make_runtime(), config=config)
    return Doors(runtime, inbound_stack(runtime), outbound_stack(runtime))


class Playbook:
    """One client connection of one sidecar. Inbound unless a target is given."""

    def __init__(self, target: EndpointSet | None = None, *stages: Any) -> None:
        self.runtime = make_runtime()
        self.clock = Clock()
        self.dials = Dials(self.clock)
        self.exchanges: list[Exchange] = []
        self.host = Host(self.runtime, self.clock, self.dials, lambda: 0.0)  # type: ignore[arg-type]
        made = outbound_stack(self.runtime) if target is not None else inbound_stack(self.runtime)
        stack = Stack(*stages, *made.stages, Recorder(self.exchanges))
        if target is not None:
            self.door = Door(OUTBOUND, stack, service=target.service, target=target)
        else:
            self.endpoint = Endpoint("127.0.0.1", 8080, peer=ME, service=SERVICE)
            self.door = Door(INBOUND, stack, port=8080, service=SERVICE, endpoint=self.endpoint)
        self.client = self.connect()

    def connect(self) -> Side:
        """Open one more client connection."""
        client = Peer(address="10.0.0.1:1234", tls=TLS_NONE, no_tls_reason="no_tls_from_remote")
        link = self.door.link(client) if self.door.target is None else None
        side = Side(Downstream(self.host, self.door, client, link))
        side.protocol.connection_made(side)
        return side

    def server(self, number: int = -1) -> Side:
        """Return the far end of a connection that the sidecar has opened."""
        return self.dials.sides[number]


def endpoints(*addresses: str, target: str = "web.default:8080") -> EndpointSet:
    """Return a target with plain endpoints."""
    found = EndpointSet(target)
    found.exists = True
    found.service = SERVICE
    for address in addresses:
        ip, _, port = address.rpartition(":")
        endpoint = Endpoint(ip, int(port), peer=Peer(name=address), service=SERVICE)
        found.by_id[endpoint.id] = endpoint
    found.endpoints = tuple(found.by_id.values())
    return found
