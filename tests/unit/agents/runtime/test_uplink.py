"""The uplink: sessions begin again for ever, channels live as long as somebody is on them."""

import asyncio
import logging

import pytest

from agents.runtime import uplink as uplink_module
from agents.runtime.uplink import Uplink, beside


class Channel:
    def __init__(self):
        self.closed = False

    async def close(self, grace):
        self.closed = True


@pytest.fixture
def channels(monkeypatch):
    made = []

    def channel(*_):
        made.append(Channel())
        return made[-1]

    monkeypatch.setattr(uplink_module, "channel", channel)
    return made


def made():
    return Uplink("127.0.0.1:1", "name", logging.getLogger("test"))


async def test_a_channel_is_closed_when_it_is_old_and_nobody_is_on_it(channels):
    uplink = made()
    uplink.renew(b"", b"", b"")
    async with uplink.lease() as first:
        uplink.renew(b"", b"", b"")
        async with uplink.lease() as second:
            assert first is not second
        await asyncio.sleep(0)
        assert not first.closed
    await asyncio.sleep(0)
    assert [channel.closed for channel in channels] == [True, False]
    await uplink.close()
    assert channels[1].closed


async def test_a_session_that_fails_begins_again_and_a_cancelled_one_does_not(channels, monkeypatch):
    monkeypatch.setattr(uplink_module.Backoff, "pause", lambda self, lived: 0.0)
    uplink = made()
    uplink.renew(b"", b"", b"")
    runs = asyncio.Queue()

    async def session(_):
        runs.put_nowait(1)
        if runs.qsize() % 2:
            raise ValueError("bad")
        raise asyncio.CancelledError  # what a call does that was cancelled on this side

    keeping = asyncio.create_task(uplink.keep("x", session))
    async with asyncio.timeout(2):
        while runs.qsize() < 6:
            await asyncio.sleep(0)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def test_sessions_wait_for_the_first_certificate(channels):
    uplink = made()
    began = asyncio.Event()

    async def session(_):
        began.set()
        await asyncio.Event().wait()

    keeping = asyncio.create_task(uplink.keep("x", session))
    await asyncio.sleep(0.01)
    assert not began.is_set()
    uplink.renew(b"", b"", b"")
    await asyncio.wait_for(began.wait(), 1)
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
