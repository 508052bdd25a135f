"""One cluster's API server, asked over HTTP: JSON in, JSON out, streams by the line or by the byte.

Everything else in this room asks through a Session, and a session through nothing but its Cluster. Each question has
a time limit, none is held back on this side; a server that is busy is given the time that it asks for, credentials
that it refuses are renewed once. What fails is `failure`'s KubeError.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import msgspec
from yarl import URL

from meshcore.kube.cluster import Cluster, load_pair, tls_context
from meshcore.kube.connector import connector_to, is_socks
from meshcore.kube.credentials import Header, Impersonation
from meshcore.kube.failure import FORBIDDEN, TRUST, UNAUTHENTICATED, KubeError, broken, not_json, refused
from meshcore.kube.find import find_cluster
from meshcore.kube.objects import Object, version_of
from meshcore.wire import version

ASK_S = 10.0  # how long an answer may take
CONNECT_S = 5.0
PATIENCE = 5  # how often one question is asked again because the server was busy
BUSY_S = 1.0  # the pause when a busy server names none
PAGE = 500  # objects per page of a list
BODY_BYTES = 128 << 20  # the largest answer that is taken
AGAIN_S = 5.0  # how often, at most, the kubeconfig is read again
IDLE_S = 90.0  # an API server says something on each watch about once a minute

JSON = "application/json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"

Query = Mapping[str, str | int]


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
        self.cluster = cluster
        self._again = again
        self._again_at = 0.0  # not before
        self.where = cluster.where
        self.namespace = cluster.namespace
        self._as = cluster.impersonate.headers()
        self._tls = tls_context(cluster) if cluster.server.startswith("https:") else None
        self._pair = cluster.pair
        self._proxy = None if is_socks(cluster.proxy) else cluster.proxy
        self._http = self._open()

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
        return self._object(path, await self.ask("POST", path, query, body=body, within=within))

    async def update(self, path: str, body: Object, query: Query | None = None, *, within: float = ASK_S) -> Object:
        """Replace an object; its resourceVersion, if it has one, must still be the last."""
        return self._object(path, await self.ask("PUT", path, query, body=body, within=within))

    async def patch(
        self, path: str, body: object, query: Query | None = None, *, media: str = MERGE, within: float = ASK_S
    ) -> Object:
        return self._object(path, await self.ask("PATCH", path, query, body=body, media=media, within=within))

    async def delete(
        self, path: str, query: Query | None = None, *, body: Object | None = None, within: float = ASK_S
    ) -> Object:
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
        response, until = await self._send(method, path, query, body, media, accept, within)
        try:
            async with response, asyncio.timeout_at(until):
                return Answer(response.status, response.content_type, await self._whole(response, path))
        except self._failures as error:
            raise broken(self.where, error, f"{method} {path}, {within:g} s") from None

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
        response, _until = await self._send(method, path, query, body, media, accept, within, idle)
        try:
            yield self._chunks(response, path, idle)
        finally:
            response.close()  # whoever stops reading a stream without end ends it

    @asynccontextmanager
    async def websocket(
        self, path: str, query: Query, protocol: str, *, within: float = ASK_S
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket that speaks `protocol`; raises KubeError where the server does not."""
        headers = [each for each in await self._headers(None, JSON, "*/*") if each[0] != "Accept"]
        url = URL(self.cluster.server + path, encoded=True).update_query(query)
        try:
            async with asyncio.timeout(within):
                opened = await self._http.ws_connect(
                    url,
                    protocols=(protocol,),
                    headers=headers,
                    proxy=self.cluster.proxy,
                    server_hostname=self.cluster.tls_name,
                    max_msg_size=0,
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 403:  # what the server says of it is not to be had here
                sub = path.rpartition("/")[2]
                raise KubeError(
                    f"not allowed: these credentials may not open pods/{sub} there ({path})",
                    f"an administrator can allow it: verbs get and create on pods/{sub} in that namespace",
                    code=FORBIDDEN,
                    status=403,
                ) from None
            raise refused(self.where, error.status, b"", error.headers, path, "GET") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise broken(self.where, error, f"GET {path}, {within:g} s") from None
        try:
            yield opened
        finally:
            await opened.close()

    async def close(self) -> None:
        await self._http.close()

    async def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: object,
        media: str,
        accept: str,
        within: float,
        idle: float | None = None,
    ) -> tuple[aiohttp.ClientResponse, float]:
        """Ask until there is an answer that is a success; return it, its body unread, and until when it may be read."""
        content = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        renewed, patience, until = False, PATIENCE, None
        while True:
            headers = await self._headers(content, media, accept)  # not timed: a plugin may ask a person
            until = until or asyncio.get_running_loop().time() + within
            try:
                async with asyncio.timeout_at(until):
                    response = await self._http.request(
                        method,
                        URL(self.cluster.server + path, encoded=True).update_query(query or {}),
                        data=content,
                        headers=headers,
                        proxy=self._proxy,
                        server_hostname=self.cluster.tls_name,
                        allow_redirects=False,  # to a login page, with the token
                        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=idle),
                    )
                    if 200 <= response.status < 300:
                        return response, until
                    async with response:
                        said = await self._whole(response, path)
            except self._failures as error:
                failed = broken(self.where, error, f"{method} {path}, {within:g} s")
                if failed.code in (TRUST, UNAUTHENTICATED) and await self._read_again():
                    until = None
                    continue
                raise failed from None
            if 300 <= response.status < 400:
                raise not_json(self.where, path, response.status, f"a way to {response.headers.get('Location')}")
            refusal = refused(self.where, response.status, said, response.headers, path, method)
            if response.status == 401 and not renewed and await self._renew():
                renewed, until = True, None
                continue
            pause = BUSY_S if refusal.retry_after is None else refusal.retry_after
            busy = response.status == 429 or (refusal.retry_after is not None and method == "GET")
            patience -= 1  # a server that answers 429 has done nothing yet, so anything may be asked again
            if not busy or not patience or asyncio.get_running_loop().time() + pause >= until:
                raise refusal
            await asyncio.sleep(pause)

    async def _headers(self, content: bytes | None, media: str, accept: str) -> Sequence[Header]:
        headers: list[Header] = [("Accept", accept), ("User-Agent", f"meshtui/{version.VERSION}"), *self._as]
        headers += await self.cluster.credentials.headers()
        if content is not None:
            headers.append(("Content-Type", media))
        pair = self.cluster.credentials.certificate()
        if pair is not None and pair != self._pair and self._tls is not None:
            load_pair(self._tls, pair, self.where)
            stale, self._http, self._pair = self._http, self._open(), pair
            await stale.close()  # its connections present the certificate that was
        return headers

    async def _renew(self) -> bool:
        """Get other credentials after these were refused."""
        return await self.cluster.credentials.renew() or await self._read_again()

    async def _read_again(self) -> bool:
        """Find out anew how to ask, for somebody may have logged in meanwhile; False: nothing is different."""
        now = asyncio.get_running_loop().time()
        if self._again is None or now < self._again_at:
            return False
        self._again_at = now + AGAIN_S
        try:
            cluster = await self._again()
        except KubeError:
            return False  # a file that is being written; what led here is told
        if cluster == self.cluster:
            return False
        self._tls = tls_context(cluster) if cluster.server.startswith("https:") else None
        self.cluster, self._pair = cluster, cluster.pair
        self._proxy = None if is_socks(cluster.proxy) else cluster.proxy
        stale, self._http = self._http, self._open()
        await stale.close()
        return True

    async def _whole(self, response: aiohttp.ClientResponse, path: str) -> bytes:
        """Return an answer's body, of a bounded size."""
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > BODY_BYTES:
                raise KubeError(
                    f"the answer of {self.where} to {path} is larger than {BODY_BYTES >> 20} MiB",
                    "ask for one namespace, or by a selector",
                    code="resource_exhausted",
                )
            parts.append(part)
        return b"".join(parts)

    async def _chunks(self, response: aiohttp.ClientResponse, path: str, idle: float) -> AsyncIterator[bytes]:
        try:
            async for chunk in response.content.iter_any():
                yield chunk
        except self._failures as error:
            raise broken(self.where, error, f"{path} said nothing for {idle:g} s") from None

    def _object(self, path: str, answer: Answer) -> Object:
        try:
            found = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            found = None
        if not isinstance(found, dict):
            raise not_json(self.where, path, answer.status, answer.media)
        return found

    def _open(self) -> aiohttp.ClientSession:
        connector, self._failures = connector_to(self.cluster, self._tls)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


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
