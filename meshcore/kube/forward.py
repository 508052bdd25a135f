"""A port of a pod as a Unix socket on this machine, through the API server: what `kubectl port-forward` does.

Each connection to the socket is one WebSocket of the pod's `portforward` (protocol v4.channel.k8s.io: a byte for the
channel before each message, and the port's number as the first word of each channel). Only whoever the API server lets
do that gets through, so what listens on the pod's loopback needs no guard of its own.
"""

import asyncio
import logging
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from meshcore.kube.failure import UNAVAILABLE, KubeError
from meshcore.kube.objects import PODS
from meshcore.kube.session import Session

log = logging.getLogger(__name__)

PROTOCOL = "v4.channel.k8s.io"
DATA, ERROR = 0, 1  # channels of the first port
CHUNK = 64 << 10


@asynccontextmanager
async def forward(session: Session, namespace: str, pod: str, port: int) -> AsyncIterator[Path]:
    """Give the path of a socket, which nobody else can open, that leads to a pod's port; raises KubeError.

    The first connection is tried at once, so that a refusal is told here and not to whoever dials the socket.
    """
    async with _socket(session, namespace, pod, port):
        pass
    connections: set[asyncio.Task[None]] = set()

    async def dialled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            async with _socket(session, namespace, pod, port) as remote:
                await _join(reader, writer, remote)
        except (KubeError, ConnectionError) as error:
            log.info("a forwarded connection ended", extra={"fields": {"pod": pod, "reason": str(error)}})
        finally:
            connections.discard(task)
            writer.close()

    with tempfile.TemporaryDirectory(prefix="meshtui-") as folder:  # of mode 0700
        path = Path(folder) / "control.sock"
        server = await asyncio.start_unix_server(dialled, path)
        try:
            yield path
        finally:
            server.close()
            for task in tuple(connections):
                task.cancel()


@asynccontextmanager
async def _socket(
    session: Session, namespace: str, pod: str, port: int
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with session.websocket(PODS.path(namespace, pod, "portforward"), {"ports": port}, PROTOCOL) as remote:
        if remote.protocol != PROTOCOL:
            raise KubeError(
                f"{session.where} does not forward ports over WebSocket", "use a Kubernetes of 1.20 or later"
            )
        yield remote


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, remote: aiohttp.ClientWebSocketResponse
) -> None:
    """Carry bytes both ways until either side ends."""

    async def up() -> None:
        while data := await reader.read(CHUNK):
            await remote.send_bytes(bytes((DATA,)) + data)

    async def down() -> None:
        greeted: set[int] = set()
        async for message in remote:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel not in greeted:
                greeted.add(channel)
                _greeted(data)
                data = data[2:]
            if channel == ERROR and data:
                raise KubeError(
                    f"the pod's port: {data.decode('utf-8', 'replace').strip()}", code=UNAVAILABLE, lost=True
                )
            if channel == DATA and data:
                writer.write(data)
                await writer.drain()

    both = [asyncio.create_task(up()), asyncio.create_task(down())]
    try:
        done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in both:
            task.cancel()
            with suppress(asyncio.CancelledError, KubeError, ConnectionError):
                await task


def _greeted(data: bytes) -> None:
    """Check that a channel begins with its port's number."""
    if len(data) < 2 or struct.unpack_from("<H", data)[0] == 0:
        raise KubeError("a forwarded port did not begin with its number", code=UNAVAILABLE, lost=True)
