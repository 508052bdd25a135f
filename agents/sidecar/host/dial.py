"""Dialling: a byte stream to an endpoint, plain TCP, a Unix socket, or a stream on the mesh hop.

HTTP/1, opaque and CONNECT traffic get their connections here and cannot tell the three apart: the protocol they hand
in is told `connection_made(stream)`, or `connection_lost(error)` if there was never a stream. The hop is host/hop's.
"""

import asyncio
import errno
import socket
from contextlib import suppress
from typing import Any, Protocol

from agents.sidecar.state.endpoints import Endpoint

FULL = frozenset((errno.EMFILE, errno.ENFILE))  # no descriptors left
_ALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
CONNECT_TIMEOUT_S = 3.0  # long enough for one SYN that a full backlog has dropped


def keep_alive(connection: Any) -> None:
    """Have the kernel ask a silent far end whether it is still there; one that died without a word is lost in 30 s."""
    if connection is None or connection.family == socket.AF_UNIX:  # None: it is over already
        return
    with suppress(OSError):  # the same
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _ALIVE:
            option = getattr(socket, name, None)
            if option is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


class Hops(Protocol):
    """What host/hop offers: byte streams on the shared mutual-TLS connections to meshed endpoints.

    `open` returns at once. The stream behaves as an asyncio transport: `connection_made(stream)` when it can be written
    to, `data_received`, `eof_received`, `pause_writing`, `resume_writing`, and at last `connection_lost(error)`; a hop
    that cannot be had, or an endpoint that proves another identity, is `connection_lost(error)` alone. `name` is the
    `:protocol` of the extended CONNECT: b"http/1.1" or b"tcp".
    """

    def open(self, endpoint: Endpoint, name: bytes, protocol: asyncio.BaseProtocol) -> None: ...


class Dialer:
    """Opens byte streams; failures become `connection_lost` of the protocol that asked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, hops: Hops) -> None:
        self._loop = loop
        self._hops = hops
        self._pending: set[asyncio.Task[None]] = set()

    def open(self, endpoint: Endpoint, name: bytes, protocol: asyncio.Protocol) -> None:
        """Begin to connect `protocol` to an endpoint."""
        if endpoint.meshed:
            self._hops.open(endpoint, name, protocol)
            return
        task = self._loop.create_task(self._connect(endpoint, protocol))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _connect(self, endpoint: Endpoint, protocol: asyncio.Protocol) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                if endpoint.ip.startswith("unix:"):
                    await self._loop.create_unix_connection(lambda: protocol, endpoint.ip.removeprefix("unix:"))
                else:
                    transport, _ = await self._loop.create_connection(lambda: protocol, endpoint.ip, endpoint.port)
                    keep_alive(transport.get_extra_info("socket"))
        except TimeoutError:  # if it was made just then, the loop has closed it, and not every loop says so
            protocol.connection_lost(TimeoutError("connect-timeout"))
        except OSError as error:
            protocol.connection_lost(error)
