"""The questions that screens ask a mesh, and the one who asks them of a running control plane.

Every answer is an async iterator that goes on by itself when the control plane comes back; what stands between is
one Trouble. Screens know only the protocol `Mesh`; tests script it. No Textual here.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, aclosing
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from meshcore.client import control, inventory, stats, tap
from meshcore.client.channel import Session, follow, open_session
from meshcore.client.failure import ClientError
from meshcore.client.place import Place
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.control_pb2 import CheckResponse, StatusResponse
from meshcore.wire.discovery_pb2 import PodsResponse
from meshcore.wire.stats_pb2 import EdgesResponse, StatResponse
from meshcore.wire.tap_pb2 import ObserveResponse, TapMatch, TopResponse
from meshtui.model.scope import Scope, Trouble
from meshtui.sources.log import follow_file, follow_pods

Answer = TypeVar("Answer")
Answers: TypeAlias = AsyncIterator[Answer | Trouble]

POINTS = 60  # of each series: a minute of seconds
TOP_ROWS = 500
TAP_RPS = 400.0  # more than anybody reads, and split among the sidecars
TOP_RPS = 1000.0  # enough that counts are counts
OWNED_S = 3.0  # how often the pods of an owner are looked up again
# Refusals that somebody mends elsewhere, by a login, a role or an install: screens ask again so often.
MENDED = frozenset(
    ("unauthenticated", "credentials", "kubeconfig", "untrusted", "permission_denied", "unimplemented", "version")
)
MENDED_S = 5.0


class Mesh(Protocol):
    """What a screen may ask."""

    name: str
    local: bool  # it runs on this machine
    only: str  # the one namespace that the asker may look at; "": there is no such limit

    def alive(self) -> bool: ...
    def status(self) -> Answers[StatusResponse]: ...
    def stat(self, scope: Scope) -> Answers[StatResponse]: ...
    def edges(self, scope: Scope) -> Answers[EdgesResponse]: ...
    def pods(self, scope: Scope) -> Answers[PodsResponse]: ...
    def observe(self, scope: Scope, match: TapMatch | None = None) -> Answers[ObserveResponse]: ...
    def top(self, scope: Scope, *, by_route: bool = False, hide_sources: bool = False) -> Answers[TopResponse]: ...
    def check(self) -> Answers[CheckResponse]: ...
    def log(self, scope: Scope, *, proxy: bool = False) -> Answers[list[str]]: ...
    async def close(self) -> None: ...


class LiveMesh:
    """Asks a running control plane; where that is, and where logs are, its two kinds say."""

    local = False
    only = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self._session: Session | None = None
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def enter(self, stack: AsyncExitStack) -> Session:
        """Open a session that ends with the stack; raises ClientError."""
        raise NotImplementedError

    async def close(self) -> None:
        self._session = None
        await self._stack.aclose()

    async def session(self) -> Session:
        """Return the one session, opened when it is first needed; raises ClientError."""
        async with self._opening:
            if self._session is None:
                self._session = await self.enter(self._stack)
            return self._session

    def status(self) -> Answers[StatusResponse]:
        return self._follow(control.watch_status)

    def stat(self, scope: Scope) -> Answers[StatResponse]:
        if scope.owner:
            return self._follow(lambda session: _owned(session, scope))
        request = stats.stat_request(_resources(scope), unmeshed=True, points=POINTS)
        return self._follow(lambda session: stats.watch_stat(session, request))

    def edges(self, scope: Scope) -> Answers[EdgesResponse]:
        request = stats.edges_request(scope.kind or "deployment", namespace=scope.namespace, name=scope.name)
        return self._follow(lambda session: stats.watch_edges(session, request))

    def pods(self, scope: Scope) -> Answers[PodsResponse]:
        return self._follow(lambda session: inventory.watch_pods(session, owners(scope)))

    def observe(self, scope: Scope, match: TapMatch | None = None) -> Answers[ObserveResponse]:
        async def ask(session: Session) -> AsyncIterator[ObserveResponse]:
            targets = await _tapped(session, scope)
            async with aclosing(
                cast("Any", tap.observe(session, targets, match=match, max_rps=TAP_RPS, headers=True))
            ) as answers:
                async for answer in answers:
                    yield answer

        return self._follow(ask)

    def top(self, scope: Scope, *, by_route: bool = False, hide_sources: bool = False) -> Answers[TopResponse]:
        async def ask(session: Session) -> AsyncIterator[TopResponse]:
            targets = await _tapped(session, scope)
            question = tap.top(session, targets, by_route=by_route, hide_sources=hide_sources, limit=TOP_ROWS)
            async with aclosing(cast("Any", question)) as answers:
                async for answer in answers:
                    yield answer

        return self._follow(ask)

    def check(self) -> Answers[CheckResponse]:
        async def once(session: Session) -> AsyncIterator[CheckResponse]:
            yield await control.check(session)

        return self._follow(once)

    async def _follow(self, ask: Callable[[Session], AsyncIterator[Answer]]) -> Answers[Answer]:
        async def start() -> AsyncIterator[Answer]:
            session = await self.session()
            async with aclosing(cast("Any", ask(session))) as messages:
                async for message in messages:
                    yield message

        said = ""
        while True:
            try:
                async with aclosing(cast("Any", follow(start))) as answers:
                    async for answer in answers:
                        said = ""
                        yield _trouble(answer) if isinstance(answer, ClientError) else answer
            except ClientError as error:
                if str(error) != said:
                    said = str(error)
                    yield _trouble(error)
                if error.code not in MENDED:
                    return
                await asyncio.sleep(MENDED_S)
            else:
                return


class LocalMesh(LiveMesh):
    """A mesh on this machine, by its place."""

    local = True

    def __init__(self, place: Place) -> None:
        super().__init__(place.name)
        self.place = place

    def alive(self) -> bool:
        """Tell whether the mesh is there at all, whatever its control plane does."""
        return self.place.alive()

    async def enter(self, stack: AsyncExitStack) -> Session:
        return await stack.enter_async_context(open_session(self.place))

    def log(self, scope: Scope, *, proxy: bool = False) -> Answers[list[str]]:
        suffix = ".proxy.log" if proxy else ".log"
        if scope.kind == "pod" and scope.name:
            return follow_file(self.place.logs / f"{scope.namespace}.{scope.name}{suffix}")
        namespace = re.escape(scope.namespace) if scope.namespace else "[a-z0-9-]+"
        pod = rf"{re.escape(scope.name)}(?:-\d+)?" if scope.name and scope.kind != "namespace" else "[a-z0-9-]+"
        return follow_pods(self.place.logs, re.compile(rf"{namespace}\.({pod}){re.escape(suffix)}"))


async def _owned(session: Session, scope: Scope) -> AsyncIterator[StatResponse]:
    """Yield the stat rows of the pods of one owner, whichever they are by then."""
    loop = asyncio.get_running_loop()
    request = stats.stat_request([Resource(namespace=scope.namespace, kind="pod")], unmeshed=True, points=POINTS)
    owner = [Resource(namespace=scope.namespace, kind=scope.owner_kind, name=scope.owner)]
    names: set[str] = set()
    asked = float("-inf")
    async with aclosing(cast("Any", stats.watch_stat(session, request))) as answers:
        async for answer in answers:
            if loop.time() - asked > OWNED_S:
                names = {pod.status.pod for pod in (await inventory.pods(session, owner)).pods}
                asked = loop.time()
            kept = [row for row in answer.rows if row.resource.name in names]
            del answer.rows[:]
            answer.rows.extend(kept)
            yield answer


async def _tapped(session: Session, scope: Scope) -> list[Resource]:
    """Return what to tap: of a service, the pods behind it, as a service itself has no sidecar."""
    named = _resources(scope)
    if scope.kind != "service":
        return named
    behind = (await inventory.pods(session, named)).pods
    pods = [Resource(namespace=pod.status.namespace, kind="pod", name=pod.status.pod) for pod in behind if pod.meshed]
    return pods or named


def _resources(scope: Scope) -> list[Resource]:
    more = (Resource(namespace=namespace, kind=scope.kind, name=name) for namespace, name in scope.also)
    return [_resource(scope), *more]


def _resource(scope: Scope) -> Resource:
    if scope.owner:
        return Resource(namespace=scope.namespace, kind=scope.owner_kind, name=scope.owner)
    return Resource(namespace=scope.namespace, kind=scope.kind or "deployment", name=scope.name)


def owners(scope: Scope) -> Iterable[Resource]:
    """Return the resources that a screen's scope names; none: all."""
    if scope.owner or scope.name:
        return [_resource(scope)]
    return [Resource(namespace="", kind="namespace", name=scope.namespace)] if scope.namespace else []


def _trouble(error: ClientError) -> Trouble:
    return Trouble(str(error), error.hint, error.lost)
