"""Lines: a silent control plane is given up, one that says goodbye is let finish."""

import asyncio

import pytest

from agents.sidecar.engine.http2.wire import goaway, settings
from agents.sidecar.feeds import line as lines
from agents.sidecar.feeds.call import RpcError
from agents.sidecar.feeds.line import Line
from meshcore.wire import stats_pb2


class Transport:
    def __init__(self, line):
        self.line = line
        self.written = b""
        self.closed = False

    def write(self, data):
        self.written += data

    def is_closing(self):
        return self.closed

    def close(self):
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.line.connection_lost, None)

    abort = close


@pytest.fixture
async def opened(monkeypatch):
    monkeypatch.setattr(lines, "SILENCE_S", 0.02)
    made = []

    def make():
        line = Line("control-plane.meshtui")
        made.append(line)
        transport = Transport(line)
        line.connection_made(transport)
        line.data_received(settings({}))
        return line, transport

    yield make
    for line in made:
        line.close()


async def test_silence_is_broken_by_a_ping_and_ends_the_connection(opened):
    line, transport = opened()
    call = line.call("/x/Y", stats_pb2.StatsAck)
    await asyncio.sleep(0.05)
    assert b"\x06\x00\x00\x00\x00\x00" in transport.written
    await asyncio.sleep(0.05)
    assert transport.closed
    assert not line.usable
    with pytest.raises(RpcError, match="UNAVAILABLE"):
        await anext(call)
    with pytest.raises(RpcError, match="gone"):
        line.call("/x/Y", stats_pb2.StatsAck)


async def test_who_speaks_is_kept(opened):
    line, transport = opened()
    for _ in range(6):
        await asyncio.sleep(0.015)
        line.data_received(settings({}))
    assert not transport.closed


async def test_goodbye_closes_after_the_last_call(opened):
    line, transport = opened()
    call = line.call("/x/Y", stats_pb2.StatsAck)
    await asyncio.sleep(0)
    line.data_received(goaway(1, 0))
    assert not line.usable
    assert not transport.closed
    call.cancel()
    assert transport.closed


async def test_a_call_has_the_head_that_grpc_asks_for(opened):
    line, transport = opened()
    line.call("/meshtui.v1.Stats/Push", stats_pb2.StatsAck, 2.5)
    await asyncio.sleep(0)
    assert transport.written.startswith(b"PRI * HTTP/2.0")
    assert line.h2.streams


async def test_an_answer_that_does_not_come(opened):
    line, _ = opened()
    with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
        await line.ask("/x/Y", stats_pb2.StatsAck(), stats_pb2.StatsAck, 0.01)


async def test_nobody_there():
    with pytest.raises(RpcError, match="UNAVAILABLE: 127.0.0.1:1"):
        await lines.connect("127.0.0.1:1", "x", lines.ssl.SSLContext(lines.ssl.PROTOCOL_TLS_CLIENT))
