"""What waits in a socket is counted there, what waits in a stream is not counted twice."""

import asyncio
import socket

from agents.sidecar.host.backlog import backlog
from agents.sidecar.host.hopstream import ByteStream


async def test_a_socket_that_nobody_reads() -> None:
    one, other = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, one)
    assert backlog(transport) == 0
    transport.write(bytes(8 << 20))
    assert 4 << 20 < backlog(transport) < 8 << 20
    transport.abort()
    other.close()
    await asyncio.sleep(0)


async def test_a_stream_of_the_hop() -> None:
    assert backlog(ByteStream(asyncio.get_running_loop(), asyncio.Protocol(), "far:1")) == 0
