"""Draining waits for what is open, and tells who listens once."""

from agents.runtime.drain import Drain


async def test_it_is_finished_when_the_last_has_left():
    drain = Drain()
    heard = []
    drain.subscribe(lambda: heard.append(drain.draining))
    drain.enter()
    drain.begin()
    drain.begin()
    assert heard == [True]
    assert not await drain.finished(0.01)
    drain.leave()
    assert await drain.finished(0.01)
    drain.subscribe(lambda: heard.append("late"))
    assert heard == [True, "late"]


async def test_with_nothing_open_it_is_finished_at_once():
    drain = Drain()
    drain.begin()
    assert await drain.finished(0.01)
