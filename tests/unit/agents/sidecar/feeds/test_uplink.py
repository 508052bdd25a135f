"""The uplink: sessions begin again for ever, connections live as long as somebody is on them."""

import asyncio
import logging

import pytest

from agents.sidecar.feeds import uplink as uplink_module
from agents.sidecar.feeds.call import RpcError
from agents.sidecar.feeds.uplink import Uplink, beside

SECURED = object()  # stands for a TLS context


class Line:
    usable = True
    closed = False

    def close(self):
        self.closed = True
        self.usable = False


@pytest.fixture
def lines(monkeypatch):
    made = []

    async def connect(*_):
        await asyncio.sleep(0)
        made.append(Line())
        return made[-1]

    monkeypatch.setattr(uplink_module, "connect", connect)
    return made


def made():
    return Uplink("127.0.0.1:1", "name", logging.getLogger("test"))


async def test_a_connection_is_closed_when_it_is_old_and_nobody_is_on_it(lines):
    uplink = made()
    uplink.renew(SECURED)
    async with uplink.lease() as first:
        uplink.renew(SECURED)
        async with uplink.lease() as second:
            assert first is not second
        assert not first.closed
    assert [line.closed for line in lines] == [True, False]
    uplink.close()
    assert lines[1].closed


async def test_whoever_asks_at_the_same_time_shares_one_connection(lines):
    uplink = made()
    uplink.renew(SECURED)

    async def use():
        async with uplink.lease() as line:
            await asyncio.sleep(0)
            return line

    first, second = await asyncio.gather(use(), use())
    assert first is second
    assert len(lines) == 1
    first.close()
    assert await use() is not first


async def test_a_connection_that_cannot_be_had_is_tried_again_by_the_next(lines, monkeypatch):
    async def refuse(*_):
        raise RpcError("UNAVAILABLE", "no")

    connect = uplink_module.connect
    monkeypatch.setattr(uplink_module, "connect", refuse)
    uplink = made()
    uplink.renew(SECURED)
    with pytest.raises(RpcError):
        async with uplink.lease():
            pass
    monkeypatch.setattr(uplink_module, "connect", connect)
    async with uplink.lease() as line:
        assert line is lines[0]


async def test_a_session_that_fails_begins_again_until_cancelled(lines, monkeypatch):
    monkeypatch.setattr(uplink_module.Backoff, "after", lambda self, lived: 0.0)
    uplink = made()
    uplink.renew(SECURED)
    runs = asyncio.Queue()

    async def session(_):
        runs.put_nowait(1)
        if runs.qsize() % 2:
            raise ValueError("bad")
        raise RpcError("UNAVAILABLE", "lost")

    keeping = asyncio.create_task(uplink.keep("x", session))
    async with asyncio.timeout(60):
        while runs.qsize() < 6:
            await asyncio.sleep(0)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def test_sessions_wait_for_the_first_certificate(lines):
    uplink = made()
    began = asyncio.Event()

    async def session(_):
        began.set()
        await asyncio.Event().wait()

    keeping = asyncio.create_task(uplink.keep("x", session))
    await asyncio.sleep(0.01)
    assert not began.is_set()
    uplink.renew(SECURED)
    await asyncio.wait_for(began.wait(), 30)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


class Call:
    cancelled = False

    def cancel(self):
        self.cancelled = True


async def test_the_failure_of_the_writing_half_ends_the_reading_half():
    call = Call()

    async def work():
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        async with beside(call, work()):
            while not call.cancelled:
                await asyncio.sleep(0)


async def test_the_end_of_the_reading_half_ends_the_writing_half():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async with beside(Call(), work()):
        await asyncio.sleep(0)
    assert ended == [True]
