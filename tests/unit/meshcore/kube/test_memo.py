"""Answers are kept for their time, so many at most, and asked for once."""

import asyncio

import pytest

from meshcore.kube.memo import Memo


class Oracle:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> int:
        self.asked += 1
        answer = self.asked
        await self.gate.wait()
        return answer


async def test_an_answer_is_good_for_its_time() -> None:
    now = 0.0
    oracle, memo = Oracle(), Memo[int](float, now=lambda: now)
    assert [await memo.get("q", oracle), await memo.get("q", oracle)] == [1, 1]
    now = 1.0
    assert await memo.get("q", oracle) == 2
    now = 2.9
    assert await memo.get("q", oracle) == 2  # this one is good for two seconds


async def test_the_oldest_goes_when_there_are_too_many() -> None:
    oracle, memo = Oracle(), Memo[int](lambda answer: 60.0, most=2)
    for question in "aba":
        await memo.get(question, oracle)
    await memo.get("c", oracle)
    assert len(memo) == 2
    assert await memo.get("a", oracle) == 1
    assert await memo.get("b", oracle) == 4


async def test_many_who_ask_at_once_ask_once_and_one_who_leaves_takes_nothing() -> None:
    oracle, memo = Oracle(), Memo[int](lambda answer: 60.0)
    oracle.gate.clear()
    asking = [asyncio.create_task(memo.get("q", oracle)) for _ in range(3)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    oracle.gate.set()
    assert await asyncio.gather(*asking[1:]) == [1, 1]
    assert oracle.asked == 1


async def test_a_failure_is_not_kept() -> None:
    memo = Memo[int](lambda answer: 60.0)

    async def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await memo.get("q", fail)
    assert await memo.get("q", Oracle()) == 1
