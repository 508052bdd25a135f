"""What is said about an object is written once and counted, not too fast, and never in anybody's way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshcore.kube import events
from meshcore.kube.events import Recorder, reference
from meshcore.kube.objects import PODS
from meshcore.kube.session import Session
from tests.support.apiserver import ApiServer, api_server, asking
from tests.support.wait import until

POD = PODS.new("web-0", "shop")
POD["metadata"]["uid"] = "7"


class Time:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 1000.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        running.roles = ("injector",)
        yield running


@pytest.fixture
async def session(server: ApiServer) -> AsyncIterator[Session]:
    async with asking(server) as opened:
        yield opened


@asynccontextmanager
async def recorder(session: Session) -> AsyncIterator[tuple[Recorder, Time]]:
    time = Time()
    made = Recorder(session, "meshtui.dev/injector", "pod-1", now=lambda: time.now, sleep=time.sleep)
    task = asyncio.create_task(made.run())
    try:
        yield made, time
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_event_says_who_what_and_why(server: ApiServer, session: Session) -> None:
    async with recorder(session) as (made, _time):
        made.record(POD, "InjectionSkipped", "the pod uses the host's network", action="Inject", warning=True)
        await until(lambda: made.written)
    (event,) = server.objects.values()
    assert event["metadata"]["namespace"] == "shop"
    assert event["metadata"]["name"].startswith("web-0.")
    assert event["regarding"] == {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-0", "uid": "7"}
    assert (event["reason"], event["type"], event["action"]) == ("InjectionSkipped", "Warning", "Inject")
    assert (event["reportingController"], event["reportingInstance"]) == ("meshtui.dev/injector", "pod-1")
    assert event["eventTime"] == "1970-01-01T00:16:40.000000Z"
    assert "series" not in event


async def test_the_same_again_becomes_a_count(server: ApiServer, session: Session) -> None:
    async with recorder(session) as (made, time):
        made.record(POD, "Injected", "one")
        await until(lambda: made.written == 1)
        for note in ("two", "three"):
            made.record(POD, "Injected", note)
        await until(lambda: made.written == 2)
        (event,) = server.objects.values()
        assert event["series"]["count"] == 3
        assert event["note"] == "one"
        assert set(server.asked("PATCH")[0].body) == {"series"}  # an API server takes no other change
        time.now += events.SERIES_S
        made.record(POD, "Injected", "later")
        await until(lambda: made.written == 3)
        assert len(server.objects) == 2


async def test_an_event_that_was_deleted_meanwhile_is_written_anew(server: ApiServer, session: Session) -> None:
    async with recorder(session) as (made, time):
        made.record(POD, "Injected", "one")
        await until(lambda: made.written == 1)
        server.objects.clear()
        time.now += 1
        made.record(POD, "Injected", "two")
        await until(lambda: made.written == 2)
        assert len(server.objects) == 1


async def test_too_many_are_held_back_and_dropped_beyond_a_bound(server: ApiServer, session: Session) -> None:
    async with recorder(session) as (made, time):
        for number in range(events.PENDING + 5):
            made.record(PODS.new(f"p{number}", "shop"), "Injected", "one")
        assert made.dropped == 5
        await until(lambda: made.written >= 60)
        assert time.now - 1000.0 >= (made.written - events.BURST) / events.RATE - 0.01


async def test_a_refusal_is_counted_and_not_tried_again(server: ApiServer, session: Session) -> None:
    server.roles = ()
    async with recorder(session) as (made, _time):
        made.record(POD, "Injected", "one")
        await until(lambda: made.failed)
        assert len(server.requests) == 1
        server.roles = ("injector",)
        made.record(POD, "Injected", "two")
        await until(lambda: made.written)


def test_what_has_no_name_yet_is_named_by_its_beginning() -> None:
    assert reference({"kind": "Pod", "metadata": {"generateName": "web-"}}) == {"kind": "Pod", "name": "web"}


async def test_a_long_note_is_cut_where_the_api_server_would_refuse_it(server: ApiServer, session: Session) -> None:
    """It counts bytes."""
    async with recorder(session) as (made, _time):
        made.record(POD, "InjectionSkipped", "é" * 5000)
        await until(lambda: made.written)
    (event,) = server.objects.values()
    assert event["note"] == "é" * 512
