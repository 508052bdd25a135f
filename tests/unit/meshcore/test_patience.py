"""A stream is read as it comes, and while it says nothing there is time for something else."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshcore.patience import patiently


class Source:
    """Messages that a test says; None ends them."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.given_up = False

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        try:
            message = await self.queue.get()
        except asyncio.CancelledError:
            self.given_up = True
            raise
        if message is None:
            raise StopAsyncIteration
        return message


async def test_silence_is_told_and_no_message_is_lost_by_it() -> None:
    source = Source()
    wait: list[float | None] = [0.001]
    said = patiently(source, lambda: wait[0])
    assert [await anext(said), await anext(said)] == [None, None]
    assert not source.given_up
    wait[0] = None
    for each in ("a", "b", None):
        source.queue.put_nowait(each)
    assert [each async for each in said] == ["a", "b"]


async def test_what_breaks_the_stream_is_raised() -> None:
    async def broken() -> AsyncIterator[str]:
        yield "a"
        raise ValueError("cut off")

    said = patiently(broken(), lambda: None)
    assert await anext(said) == "a"
    with pytest.raises(ValueError, match="cut off"):
        await anext(said)


async def test_who_reads_no_further_leaves_no_read_behind() -> None:
    source = Source()
    said = patiently(source, lambda: 0.001)
    assert await anext(said) is None
    await said.aclose()
    assert source.given_up
