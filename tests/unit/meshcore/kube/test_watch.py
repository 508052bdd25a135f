"""A watch knows what the server knows: over pages, ends of streams, versions grown too old, and silence."""

import asyncio
import itertools
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from meshcore.kube.objects import PODS, Object, labels_of, lean
from meshcore.kube.session import Session
from meshcore.kube.store import Change
from meshcore.kube.watch import Watch
from tests.support.apiserver import ApiServer, api_server, asking, refusal
from tests.support.wait import until

ALL = PODS.path()


def pod(name: str) -> str:
    return PODS.path("shop", name)


def named(each: Object) -> str:
    return str(labels_of(each).get("app", ""))


class Naps:
    """Waits that pass at once, and are remembered."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0.005)


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


@pytest.fixture
async def session(server: ApiServer) -> AsyncIterator[Session]:
    async with asking(server) as opened:
        yield opened


@asynccontextmanager
async def running(session: Session, path: str = ALL, **options: Any) -> AsyncIterator[tuple[Watch[Any], list[Any]]]:
    """Run a watch; its changes are (what happened, name, before, after)."""
    told: list[Any] = []
    options.setdefault("sleep", Naps())
    options.setdefault("now", itertools.count(0, 10).__next__)  # each stream has lived for a while when it ends
    watch: Watch[Any] = Watch(session, path, options.pop("strip", named), chance=lambda: 0.0, **options)

    def note(change: Change[Any]) -> None:
        told.append((change[0], change[1][1], change[2], change[3]))

    watch.on_change(note)
    task = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(60):
            await watch.synced.wait()
        yield watch, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def shown(name: str, app: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": app}}}


async def test_what_there_is_and_what_changes_is_told(server: ApiServer, session: Session) -> None:
    server.put(pod("a"), **shown("a", "one"))
    async with running(session) as (watch, told):
        assert told == [("added", "a", None, "one")]
        await until(server.watches)
        server.put(pod("b"), **shown("b", "two"))
        server.put(pod("a"), **shown("a", "three"))
        server.drop(pod("b"))
        await until(lambda: len(told) == 4)
        assert told[1:] == [
            ("added", "b", None, "two"),
            ("changed", "a", "one", "three"),
            ("deleted", "b", "two", None),
        ]
        assert dict(watch.store.items()) == {("shop", "a"): "three"}
        assert (watch.state.lists, watch.state.events) == (1, 3)


async def test_a_change_of_what_is_not_looked_at_is_not_told(server: ApiServer, session: Session) -> None:
    server.put(pod("a"), **shown("a", "one"))
    async with running(session) as (watch, told):
        await until(server.watches)
        server.put(pod("a"), status={"seen": 1}, **shown("a", "one"))
        server.put(pod("b"), **shown("b", "two"))
        await until(lambda: len(told) == 2)
        assert told[1][:2] == ("added", "b")
        assert watch.state.events == 2


async def test_pages_are_read_to_the_end(server: ApiServer, session: Session) -> None:
    for number in range(25):
        server.put(pod(f"p{number}"))
    async with running(session, page=10) as (watch, _told):
        assert len(watch.store) == 25
        assert [each.query.get("continue") for each in server.asked("GET")[:3]] == [None, "10", "20"]


def grow_old(server: ApiServer, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Have 25 pods, and the pages behind the first ten expire."""
    for number in range(25):
        server.put(pod(f"p{number}"))

    async def first(request: web.Request) -> web.Response:
        return server._list(ALL, {"limit": "10"})

    async def old(request: web.Request) -> web.Response:
        meanwhile()
        return refusal(410, "Expired", "the provided continue parameter is too old")

    server.script(ALL, first, old)


async def test_a_list_whose_pages_grow_too_old_is_taken_at_once(server: ApiServer, session: Session) -> None:
    grow_old(server)
    async with running(session, page=10) as (watch, _told):
        assert len(watch.store) == 25
        assert server.asked("GET")[2].query == {"resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"}
        assert watch.state.failures == 0


async def test_what_went_while_pages_grew_too_old_is_not_kept(server: ApiServer, session: Session) -> None:
    def gone() -> None:
        del server.objects[pod("p0")]  # it was on the first page

    grow_old(server, gone)
    async with running(session, page=10, strip=lambda each: each["metadata"]["name"]) as (watch, told):
        assert ("deleted", "p0", "p0", None) in told
        assert ("shop", "p0") not in dict(watch.store.items())
        assert len(watch.store) == 24


async def test_a_stream_that_ends_is_taken_up_where_it_stopped(server: ApiServer, session: Session) -> None:
    server.put(pod("a"))
    async with running(session) as (watch, told):
        await until(server.watches)
        server.put(pod("b"))
        await until(lambda: len(told) == 2)
        reached = str(server.version)
        server.hang_up()
        await until(lambda: len(server.watches()) == 2)
        assert server.watches()[1].query["resourceVersion"] == reached
        server.put(pod("c"))
        await until(lambda: len(told) == 3)
        assert watch.state.lists == 1


async def test_a_bookmark_keeps_the_version_young(server: ApiServer, session: Session) -> None:
    async with running(session) as (_watch, told):
        await until(server.watches)
        assert server.watches()[0].query["allowWatchBookmarks"] == "true"
        server.bookmark()
        await until(lambda: _watch.state.events)
        server.oldest = server.version
        server.hang_up()
        await until(lambda: len(server.watches()) == 2)
        server.put(pod("a"))
        await until(lambda: told)
        assert _watch.state.lists == 1


async def test_a_version_too_old_is_listed_anew_and_what_went_is_told(server: ApiServer, session: Session) -> None:
    for name in ("a", "b"):
        server.put(pod(name), **shown(name, "one"))
    async with running(session) as (watch, told):
        await until(server.watches)
        server.script(ALL, refuse(410, "Expired", "too old resource version"))
        del server.objects[pod("a")]  # while nobody watched
        server.put(pod("c"), **shown("c", "new"))
        server.compact()
        server.hang_up()
        await until(lambda: watch.state.relists == 1 and watch.state.lists == 2)
        assert ("deleted", "a", "one", None) in told
        assert set(watch.store.items()) == {(("shop", "b"), "one"), (("shop", "c"), "new")}
        await until(lambda: watch.state.streams == 2)
        server.put(pod("d"))
        await until(lambda: told[-1][1] == "d")


async def test_the_same_when_it_is_said_inside_the_stream(server: ApiServer, session: Session) -> None:
    server.put(pod("a"))
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (2)"}
    async with running(session) as (watch, _told):
        await until(server.watches)
        server.script(ALL, say({"type": "ERROR", "object": gone}))
        server.hang_up()
        await until(lambda: watch.state.relists == 1 and watch.state.lists == 2 and watch.state.streams == 3)
        assert watch.state.failures == 0


async def test_versions_that_are_always_too_old_do_not_spin(server: ApiServer, session: Session) -> None:
    naps = Naps()
    old = refuse(410, "Expired", "too old resource version")
    server.script(ALL, *[each for _ in range(4) for each in (listed(), old)])
    async with running(session, sleep=naps) as (watch, told):
        await until(lambda: watch.state.relists == 4)
        await until(lambda: watch.state.streams == 1)
        assert naps.taken == [0.8, 1.6, 3.2]  # the first is listed anew at once
        server.put(pod("a"))
        await until(lambda: told)


async def test_an_event_of_several_megabytes_in_small_pieces_is_one_event(server: ApiServer, session: Session) -> None:
    large = {"metadata": {"name": "big", "namespace": "shop", "resourceVersion": "900"}, "data": "x" * 3_000_000}
    line = json.dumps({"type": "ADDED", "object": large}).encode() + b"\n"

    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(line), 50_000):
            await response.write(line[start : start + 50_000])
        await asyncio.sleep(30)
        return response

    server.script(ALL, listed(), pieces)
    async with running(session, strip=lambda each: len(each["data"])) as (_watch, told):
        await until(lambda: told)
        assert told == [("added", "big", None, 3_000_000)]


async def test_silence_is_noticed(server: ApiServer, session: Session) -> None:
    naps = Naps()
    async with running(session, idle=0.1, sleep=naps) as (watch, _told):
        await until(lambda: watch.state.streams >= 2)
        assert watch.state.failures >= 1
        assert naps.taken
        assert watch.state.lists == 1


async def test_failures_wait_longer_each_time_and_end_with_the_first_event(server: ApiServer, session: Session) -> None:
    naps = Naps()
    server.script(ALL, *[refuse(500, "InternalError", "etcd leader changed")] * 4)
    async with running(session, sleep=naps) as (watch, told):
        assert naps.taken == [0.8, 1.6, 3.2, 6.4]
        await until(server.watches)
        assert watch.state.failure is None
        server.put(pod("a"))
        await until(lambda: told)
        server.script(ALL, refuse(503, "ServiceUnavailable", "later"))
        server.hang_up()
        await until(lambda: len(naps.taken) == 5)
        assert naps.taken[4] == 0.8


async def test_a_server_that_says_when_is_listened_to(server: ApiServer, session: Session) -> None:
    naps = Naps()
    server.script(ALL, refuse(429, "TooManyRequests", "busy", {"Retry-After": "70"}))
    async with running(session, sleep=naps) as (_watch, _told):
        assert naps.taken == [70.0]


async def test_streams_that_end_at_once_do_not_spin(server: ApiServer, session: Session) -> None:
    naps = Naps()
    server.script(ALL, listed(), *[say()] * 4)
    async with running(session, sleep=naps, now=time.time) as (watch, _told):
        await until(lambda: len(naps.taken) == 4)
        assert naps.taken == [0.8, 1.6, 3.2, 6.4]
        assert watch.state.lists == 1


async def test_what_cannot_be_read_is_listed_anew(server: ApiServer, session: Session) -> None:
    async def rubbish(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b'{"type": "ADDED", "obj\n')

    server.script(ALL, listed(), rubbish)
    server.put(pod("a"))
    async with running(session) as (watch, told):
        await until(lambda: told)
        assert watch.state.lists == 2
        assert watch.state.failures == 1


async def test_being_forbidden_is_shown_and_tried_again(server: ApiServer, session: Session) -> None:
    denied = 'pods is forbidden: User "system:serviceaccount:mesh:control" cannot watch resource "pods" in API group ""'
    server.script(ALL, listed(), *[refuse(403, "Forbidden", denied)] * 2)
    async with running(session) as (watch, _told):
        await until(lambda: watch.state.failures == 2)
        await until(lambda: watch.state.failure is None)
        assert watch.state.lists == 1


async def test_an_optional_api_that_is_not_there_is_empty(server: ApiServer, session: Session) -> None:
    naps = Naps()
    absent = refuse(404, "NotFound", "the server could not find the requested resource")
    server.script(ALL, absent)
    server.put(pod("a"))
    async with running(session, optional=True, sleep=naps) as (watch, told):
        assert watch.state.failure is None
        await until(lambda: told)  # it was installed meanwhile
        assert naps.taken == [15.0]


async def test_selectors_are_asked_for_in_lists_and_streams(server: ApiServer, session: Session) -> None:
    async with running(session, labels="app=web", fields="spec.nodeName=n"):
        await until(server.watches)
        for each in server.requests:
            assert each.query["labelSelector"] == "app=web"
            assert each.query["fieldSelector"] == "spec.nodeName=n"


async def test_one_who_comes_later_is_told_what_is_known(server: ApiServer, session: Session) -> None:
    server.put(pod("a"))
    async with running(session, strip=lean) as (watch, _told):
        late: list[Change[Object]] = []
        watch.on_change(late.append)
        assert [(what, key) for what, key, _old, _new in late] == [("added", ("shop", "a"))]


async def test_a_listener_that_fails_does_not_end_the_watch(server: ApiServer, session: Session) -> None:
    def broken(change: Change[str]) -> None:
        raise ValueError(change)

    async with running(session) as (watch, told):
        watch.on_change(broken)
        await until(server.watches)
        server.put(pod("a"))
        await until(lambda: told)
        server.put(pod("b"))
        await until(lambda: len(told) == 2)
        assert watch.state.faults == 2


class Pages:
    """A session with a cluster of many pods, a page at a time, as they come from the wire."""

    where = "here"

    def __init__(self, pods: int) -> None:
        self.pods = pods
        env = [{"name": f"E{n}", "value": "x" * 40} for n in range(60)]
        self.spec = {"nodeName": "n", "containers": [{"name": "app", "env": env}]}

    async def get(self, path: str, query: dict[str, Any], **_: Any) -> Any:
        start, limit = int(query.get("continue", 0)), int(query["limit"])
        items = [
            {"metadata": {"name": f"p{n}", "namespace": "s", "resourceVersion": "1"}, "spec": self.spec}
            for n in range(start, min(start + limit, self.pods))
        ]
        following = {"continue": str(start + limit)} if start + limit < self.pods else {}
        return msgspec.json.decode(
            msgspec.json.encode({"metadata": {"resourceVersion": "1", **following}, "items": items})
        )

    @asynccontextmanager
    async def stream(self, path: str, query: dict[str, Any], **_: Any) -> AsyncIterator[Any]:
        async def silence() -> AsyncIterator[bytes]:
            await asyncio.sleep(3600)
            yield b""

        yield silence()


async def test_memory_is_for_what_is_kept_and_one_page() -> None:
    pods, page = 2000, 100
    whole: Any = await Pages(page).get(ALL, {"limit": page})
    tracemalloc.start()
    try:
        a_page = msgspec.json.decode(msgspec.json.encode(whole))
        of_a_page = tracemalloc.get_traced_memory()[0]
        del a_page
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        session: Any = Pages(pods)
        async with running(session, page=page, strip=lambda each: each["spec"]["nodeName"]) as (watch, told):
            kept, peak = (size - before for size in tracemalloc.get_traced_memory())
            assert len(watch.store) == len(told) == pods
        assert kept < pods * 1500  # what it is called, its version, what was kept, and the test's own note
        assert peak - kept < 4 * of_a_page  # one page, as objects and as bytes, and the one that was before it
    finally:
        tracemalloc.stop()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def refuse(code: int, reason: str, message: str, headers: dict[str, str] | None = None) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return refusal(code, reason, message, headers=headers)

    return answer


def listed(version: int = 100) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "List", "metadata": {"resourceVersion": str(version)}, "items": []})

    return answer


def say(*events: dict[str, Any]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"".join(json.dumps(each).encode() + b"\n" for each in events))

    return answer
