"""Calls: messages however they are cut, every way to end, and waiting writers. Two engines back to back, no sockets."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sidecar.engine.http2.connection import CLIENT, SERVER, Connection
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.feeds import call as call_module
from agents.sidecar.feeds.call import Call, RpcError
from meshcore.wire import stats_pb2

HEAD = [(b":status", b"200", False), (b"content-type", b"application/grpc", False)]
REQUEST = [
    (b":method", b"POST", False),
    (b":scheme", b"https", False),
    (b":path", b"/x/Y", False),
    (b":authority", b"a", False),
]


class End:
    """Handler of one side; on the server's it is the sink too, and keeps what it hears."""

    def __init__(self):
        self.stream = None
        self.heard = b""
        self.owed = 0
        self.ended = False
        self.reset = None

    def on_stream(self, stream, headers, fields, end):
        self.stream = stream
        stream.sink = self

    def on_data(self, stream, data, end):
        self.heard += data
        self.owed += len(data)
        self.ended = self.ended or end

    def on_reset(self, stream, code):
        self.reset = code

    def nothing(self, *_):
        pass

    wake = on_settings = on_room = on_goaway = on_failure = on_oversized = on_excess = on_hello = on_drained = (
        on_trailers
    ) = nothing


class Pair:
    """A call, and the control plane's side of it."""

    def __init__(self, window=1 << 20):
        self.far = End()
        self.client = Connection(CLIENT, End(), Limits())
        self.server = Connection(SERVER, self.far, Limits(stream_window=window))
        self.client.start()
        self.server.start()
        self.pump()
        self.call = Call(stats_pb2.StatsAck, asyncio.get_running_loop())
        self.call.stream = self.client.open(list(REQUEST), False, self.call)
        self.pump()

    def pump(self):
        while self.client.out or self.server.out:
            self.server.receive(self.client.take_output())
            self.client.receive(self.server.take_output())

    def reply(self, *pieces, status=b"0", message=None):
        self.far.stream.send_headers(list(HEAD))
        for piece in pieces:
            self.far.stream.send_data(piece)
            self.pump()
        if status is not None:
            trailers = [(b"grpc-status", status, False)]
            if message is not None:
                trailers.append((b"grpc-message", message, False))
            self.far.stream.send_trailers(trailers)
        self.pump()


def frame(seq):
    body = stats_pb2.StatsAck(seq=seq).SerializeToString()
    return b"\0" + len(body).to_bytes(4, "big") + body


async def collect(call):
    return [ack.seq async for ack in call]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2**40), max_size=6), st.lists(st.integers(0, 80), max_size=6))
def test_messages_arrive_however_they_are_cut(seqs, cuts):
    async def run():
        data = b"".join(map(frame, seqs))
        edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
        pair = Pair()
        pair.reply(*(data[a:b] for a, b in pairwise(edges)))
        assert await collect(pair.call) == seqs

    asyncio.run(run())


async def failure(pair):
    with pytest.raises(RpcError) as caught:
        await asyncio.wait_for(collect(pair.call), 30)
    return caught.value.code, caught.value.details


async def test_a_status_is_told_with_its_message():
    pair = Pair()
    pair.reply(frame(1), status=b"7", message=b"not%20you %C3%A9")
    assert (await anext(pair.call)).seq == 1
    assert await failure(pair) == ("PERMISSION_DENIED", "not you é")


async def test_a_head_can_be_all_there_is():
    pair = Pair()
    pair.far.stream.send_headers([*HEAD, (b"grpc-status", b"16", False)], True)
    pair.pump()
    assert await failure(pair) == ("UNAUTHENTICATED", "")


async def test_what_is_not_grpc_is_unavailable():
    pair = Pair()
    pair.far.stream.send_headers([(b":status", b"502", False)])
    pair.pump()
    assert await failure(pair) == ("UNAVAILABLE", "HTTP status 502")


async def test_a_status_that_nobody_knows_and_a_stream_without_one():
    pair = Pair()
    pair.reply(status=b"99")
    assert (await failure(pair))[0] == "UNKNOWN"
    pair = Pair()
    pair.far.stream.send_headers(list(HEAD))
    pair.far.stream.send_data(frame(1), True)
    pair.pump()
    assert (await anext(pair.call)).seq == 1
    assert (await failure(pair))[0] == "INTERNAL"


@pytest.mark.parametrize("data", [b"\1\0\0\0\1x", b"\0\xff\xff\xff\xff"])
async def test_compressed_and_huge_messages_are_refused(data):
    pair = Pair()
    pair.reply(data, status=None)
    assert (await failure(pair))[0] == "RESOURCE_EXHAUSTED"
    pair.pump()
    assert pair.far.reset is not None


async def test_a_message_that_cannot_be_read():
    pair = Pair()
    pair.reply(b"\0\0\0\0\2\xff\xff", status=None)
    assert (await failure(pair))[0] == "INTERNAL"


async def test_a_lost_connection_ends_readers_and_writers():
    pair = Pair(window=10)
    reading = asyncio.create_task(collect(pair.call))
    writing = asyncio.create_task(pair.call.write(b"x" * 100))
    await asyncio.sleep(0)
    pair.client.lost()
    with pytest.raises(RpcError, match="UNAVAILABLE"):
        await asyncio.wait_for(reading, 30)
    await asyncio.wait_for(writing, 30)
    with pytest.raises(RpcError, match="UNAVAILABLE"):
        await pair.call.write(b"more")


async def test_a_writer_waits_for_the_window():
    pair = Pair(window=10)
    writing = asyncio.create_task(pair.call.write(b"x" * 100, end=True))
    await asyncio.sleep(0)
    pair.pump()
    assert not writing.done()
    for _ in range(20):
        owed, pair.far.owed = pair.far.owed, 0
        pair.far.stream.consumed(owed)
        pair.pump()
    await asyncio.wait_for(writing, 30)
    pair.pump()
    assert pair.far.heard == b"\0\0\0\0\x64" + b"x" * 100
    assert pair.far.ended


async def test_leaving_the_block_ends_the_call():
    pair = Pair()
    async with pair.call:
        pass
    pair.pump()
    assert pair.far.reset == call_module.CANCEL
    assert (await failure(pair))[0] == "CANCELLED"
