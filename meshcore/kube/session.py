"""One cluster's API server, asked over HTTP: JSON in, JSON out, streams by the line or by the byte.

Everything else in this room asks through a Session, and a session through nothing but its Transport. Each question has
a time limit. What fails is `failure`'s KubeError.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import msgspec

from meshcore.kube.cluster import Cluster
from meshcore.kube.credentials import Impersonation
from meshcore.kube.find import find_cluster
from meshcore.kube.objects import Object, version_of
from meshcore.kube.refusal import not_json
from meshcore.kube.transport import ASK_S, JSON, Query, Question, Transport

PAGE = 500  # objects per page of a list
IDLE_S = 90.0  # an API server says something on each watch about once a minute

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: its status, its media type, its bytes."""

    status: int
    media: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Listing:
    """What a collection held at one moment, and that moment's resourceVersion."""

    items: list[Object]
    version: str


class Session:
    """An API server and who asks it. `where` names it for a person, `namespace` is the context's."""

    def __init__(self, cluster: Cluster, again: Callable[[], Awaitable[Cluster]] | None = None) -> None:
        """`again` finds the cluster anew; asked when the server refuses who we are, or is not trusted any more."""
        self.where = cluster.where
        self.namespace = cluster.namespace
        self._transport = Transport(cluster, again)

    @property
    def cluster(self) -> Cluster:
        """What is known of it now: it may have been found anew."""
        return self._transport.cluster

    async def log_in(self) -> None:
        """Get the credentials that the next question needs, which may take as long as a person; raises KubeError."""
        await self.cluster.credentials.headers()

    async def get(self, path: str, query: Query | None = None, *, within: float = ASK_S) -> Object:
        """Return an object, or one page of a list."""
        return self._object(path, await self.ask("GET", path, query, within=within))

    async def list(
        self, path: str, *, labels: str = "", fields: str = "", page: int = PAGE, within: float = ASK_S
    ) -> Listing:
        """Return a whole collection, page by page."""
        query: dict[str, str | int] = {"limit": page, **selectors(labels, fields)}
        items: list[Object] = []
        while True:
            got = await self.get(path, query, within=within)
            items += got.get("items") or ()
            following = (got.get("metadata") or {}).get("continue")
            if not following:
                return Listing(items, version_of(got))
            query["continue"] = following

    async def create(self, path: str, body: Object, query: Query | None = None, *, within: float = ASK_S) -> Object:
        """Make an object in a collection and return it; raises KubeError, with code EXISTS if it is there."""
        return self._object(path, await self.ask("POST", path, query, body=body, within=within))

    async def update(self, path: str, body: Object, query: Query | None = None, *, within: float = ASK_S) -> Object:
        """Replace an object; its resourceVersion, if it has one, must still be the last."""
        return self._object(path, await self.ask("PUT", path, query, body=body, within=within))

    async def patch(
        self, path: str, body: object, query: Query | None = None, *, media: str = MERGE, within: float = ASK_S
    ) -> Object:
        """Change an object by a patch of the kind that `media` says, and return it; raises KubeError."""
        return self._object(path, await self.ask("PATCH", path, query, body=body, media=media, within=within))

    async def delete(
        self, path: str, query: Query | None = None, *, body: Object | None = None, within: float = ASK_S
    ) -> Object:
        """Delete an object; return it, or the Status of its end. Raises KubeError."""
        return self._object(path, await self.ask("DELETE", path, query, body=body, within=within))

    async def ask(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: object = None,
        media: str = JSON,
        accept: str = JSON,
        within: float = ASK_S,
    ) -> Answer:
        """Return the answer to a question; raises KubeError for one that is no success.

        `body` is sent as JSON, or as it is when it is bytes.
        """
        question = Question(method, path, query, body, media, accept, within)
        response, until = await self._transport.send(question)
        return Answer(response.status, response.content_type, await self._transport.whole(response, question, until))

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        query: Query | None = None,
        *,
        method: str = "GET",
        body: object = None,
        media: str = JSON,
        accept: str = JSON,
        within: float = ASK_S,
        idle: float = IDLE_S,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an answer without end and give its bytes as they come; raises KubeError, also while they are read.

        `within` is for the answer's head; a stream that says nothing for `idle` seconds has failed.
        """
        question = Question(method, path, query, body, media, accept, within)
        response, _until = await self._transport.send(question, idle)
        try:
            yield self._transport.chunks(response, f"{path} said nothing for {idle:g} s")
        finally:
            response.close()  # whoever stops reading a stream without end ends it

    @asynccontextmanager
    async def websocket(
        self, path: str, query: Query, protocol: str, *, within: float = ASK_S
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket that speaks `protocol`; raises KubeError where the server does not."""
        opened = await self._transport.websocket(path, query, protocol, within)
        try:
            yield opened
        finally:
            await opened.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    def _object(self, path: str, answer: Answer) -> Object:
        try:
            found = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            found = None
        if not isinstance(found, dict):
            raise not_json(self.where, path, answer.status, answer.media)
        return found


@asynccontextmanager
async def open_cluster(
    kubeconfig: str | None = None,
    context: str | None = None,
    as_user: str | None = None,
    as_groups: Sequence[str] = (),
    *,
    as_uid: str | None = None,
    in_cluster: bool | None = None,
    interactive: bool = False,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Session]:
    """Open a Session as kubectl would; raises KubeError. Nothing is asked yet.

    `in_cluster`: by the pod's service account; None: if there is no kubeconfig. `interactive`: an exec plugin may
    talk to the terminal.
    """
    whom = Impersonation(as_user or "", tuple(as_groups), as_uid or "")

    async def find() -> Cluster:
        return await find_cluster(
            kubeconfig,
            context,
            whom,
            in_cluster=in_cluster,
            interactive=interactive,
            environ=os.environ if environ is None else environ,
        )

    session = Session(await find(), find)
    try:
        yield session
    finally:
        await session.close()


def selectors(labels: str, fields: str) -> dict[str, str]:
    """Return the part of a query that selects by labels and fields."""
    found = {"labelSelector": labels, "fieldSelector": fields}
    return {name: value for name, value in found.items() if value}
