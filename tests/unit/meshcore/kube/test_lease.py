"""Of several candidates one leads; it stops before another may begin, whatever its clock says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshcore.kube.lease import Election, Terms
from meshcore.kube.objects import LEASES
from meshcore.kube.session import Session
from tests.support.apiserver import ApiServer, api_server, asking

NAME = "meshtui-control-plane"
PATH = LEASES.path("meshtui", NAME)


class Time:
    """Time for several candidates: `pass_` lets it go by a second at a time, and lets each do what is due."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.candidates = 0
        self._asleep = 0
        self._woken = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        due = self.now + seconds
        self._asleep += 1
        try:
            while self.now < due:
                await self._woken.wait()
        finally:
            self._asleep -= 1

    async def pass_(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            woken, self._woken = self._woken, asyncio.Event()
            woken.set()
            await self.settle()

    async def settle(self) -> None:
        """Wait until each candidate has done what was due."""
        async with asyncio.timeout(60):
            await asyncio.sleep(0.001)  # those who are due wake
            while self._asleep < self.candidates:
                await asyncio.sleep(0.001)


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        running.roles = ("leader",)
        yield running


@asynccontextmanager
async def candidate(session: Session, name: str, time: Time) -> AsyncIterator[tuple[Election, list[bool]]]:
    told: list[bool] = []
    election = Election(
        session,
        "meshtui",
        NAME,
        name,
        terms=Terms(),
        on_change=told.append,
        clock=lambda: time.now,
        wall=lambda: 1e9 + time.now,
        sleep=time.sleep,
        chance=lambda: 0.0,
    )
    task = asyncio.create_task(election.run())
    time.candidates += 1
    await time.settle()
    try:
        yield election, told
    finally:
        time.candidates -= 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_first_leads_renews_and_hands_over(server: ApiServer) -> None:
    time = Time()
    async with asking(server) as session, candidate(session, "b", time) as (second, _told):
        assert second.leading.is_set()
        async with candidate(session, "c", time) as (third, _told):
            await time.pass_(40)
            assert second.leading.is_set()
            assert not third.leading.is_set()
            assert third.holder == "b"
            spec = server.objects[PATH]["spec"]
            assert spec["renewTime"] > spec["acquireTime"]
            assert spec["leaseTransitions"] == 0


async def test_one_that_ends_gives_the_lease_back_at_once(server: ApiServer) -> None:
    time = Time()
    async with asking(server) as session:
        async with candidate(session, "a", time) as (first, told):
            assert first.leading.is_set()
        assert told == [True, False]
        assert server.objects[PATH]["spec"]["holderIdentity"] == ""
        async with candidate(session, "b", time) as (second, _told):
            assert second.leading.is_set()
            assert server.objects[PATH]["spec"]["leaseTransitions"] == 1


async def test_a_leader_that_cannot_renew_stops_before_another_begins(server: ApiServer) -> None:
    time = Time()
    async with (
        asking(server) as session,
        api_server() as away,
        asking(away) as broken,
        candidate(session, "a", time) as (first, told),
        candidate(session, "b", time) as (second, _told),
    ):
        assert first.leading.is_set()
        await time.pass_(4)
        first._session = broken  # its way to the API server is gone
        away.roles = ()
        for _ in range(40):
            await time.pass_(1)
            assert not (first.leading.is_set() and second.leading.is_set())
        assert second.leading.is_set()
        assert told == [True, False]
        assert first.failure is not None
        assert server.objects[PATH]["spec"]["leaseTransitions"] == 1


async def test_what_a_stranger_holds_is_taken_when_it_was_long_unchanged_here(server: ApiServer) -> None:
    time = Time()
    ancient = "2001-01-01T00:00:00.000000Z"  # by the holder's clock, which proves nothing
    server.put(PATH, spec={"holderIdentity": "z", "leaseDurationSeconds": 15, "renewTime": ancient})
    async with asking(server) as session, candidate(session, "a", time) as (election, _told):
        await time.pass_(12)
        assert not election.leading.is_set()
        await time.pass_(6)
        assert election.leading.is_set()
