"""How an API server is reached: one HTTP client, who asks by it, and a question put until it is answered.

session.py asks by it, and by nothing else. A server that is busy is given the time that it asks for; credentials that
it refuses are renewed once, and where somebody has logged in meanwhile, or replaced the authority, the cluster is found
anew. None is held back on this side. What fails is `failure`'s KubeError.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
import msgspec
from yarl import URL

from meshcore.kube.cluster import Cluster, load_pair, tls_context
from meshcore.kube.connector import connector_to, is_socks
from meshcore.kube.credentials import Header
from meshcore.kube.failure import CREDENTIALS, FORBIDDEN, TRUST, UNAUTHENTICATED, KubeError, broken
from meshcore.kube.refusal import not_json, refused
from meshcore.wire import version

ASK_S = 10.0  # how long an answer may take
CONNECT_S = 5.0
PATIENCE = 5  # how often one question is asked again because the server was busy
BUSY_S = 1.0  # the pause when a busy server names none
BODY_BYTES = 128 << 20  # the largest answer that is taken
AGAIN_S = 5.0  # how often, at most, the kubeconfig is read again

JSON = "application/json"

_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, section 5.5

Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and within how many seconds. A `body` of bytes is sent as it is, any other as JSON."""

    method: str
    path: str
    query: Query | None = None
    body: object = None
    media: str = JSON
    accept: str = JSON
    within: float = ASK_S

    @property
    def title(self) -> str:
        """What failures call it by."""
        return f"{self.method} {self.path}, {self.within:g} s"

    def content(self) -> bytes | None:
        """Return the body as it is sent."""
        return self.body if isinstance(self.body, bytes) or self.body is None else msgspec.json.encode(self.body)


class Transport:
    """The way to one API server. `again` finds the cluster anew; None: it is what it is."""

    def __init__(self, cluster: Cluster, again: Callable[[], Awaitable[Cluster]] | None) -> None:
        """Raises KubeError where what is known of the cluster cannot be used."""
        self.cluster = cluster
        self.where = cluster.where
        self._again = again
        self._again_at = 0.0  # not before
        self._as = cluster.impersonate.headers()
        self._tls = tls_context(cluster) if cluster.server.startswith("https:") else None
        self._pair = cluster.pair
        self._http = self._open()

    async def close(self) -> None:
        await self._http.close()

    async def send(self, question: Question, idle: float | None = None) -> tuple[aiohttp.ClientResponse, float]:
        """Ask until there is an answer that is a success; return it, its body unread, and until when it may be read.

        That is a time of the loop's clock. With `idle`, the body may say nothing for so many seconds. Raises KubeError.
        """
        content, method, path = question.content(), question.method, question.path
        renewed, patience, until = False, PATIENCE, None
        while True:
            # Not timed: a plugin may ask a person.
            headers = await self._headers(question.accept, question.media if content is not None else "")
            until = until or asyncio.get_running_loop().time() + question.within
            try:
                async with asyncio.timeout_at(until):
                    response = await self._http.request(
                        method,
                        self._url(path, question.query),
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
                        said = await self._body(response, path)
            except self._failures as error:
                failed = broken(self.where, error, question.title)
                if failed.code in (TRUST, UNAUTHENTICATED) and await self._find_again():
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

    async def whole(self, response: aiohttp.ClientResponse, question: Question, until: float) -> bytes:
        """Return an answer's body, of a bounded size, and be done with the answer; raises KubeError."""
        try:
            async with response, asyncio.timeout_at(until):
                return await self._body(response, question.path)
        except self._failures as error:
            raise broken(self.where, error, question.title) from None

    async def chunks(self, response: aiohttp.ClientResponse, doing: str) -> AsyncIterator[bytes]:
        """Yield an answer's body as it comes; raises KubeError."""
        try:
            async for chunk in response.content.iter_any():
                yield chunk
        except self._failures as error:
            raise broken(self.where, error, doing) from None

    async def websocket(self, path: str, query: Query, protocol: str, within: float) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket that speaks `protocol`; raises KubeError where the server does not."""
        headers = [each for each in await self._headers("", "") if each[0] != "Accept"]
        try:
            async with asyncio.timeout(within):
                return await self._http.ws_connect(
                    self._url(path, query),
                    protocols=(protocol,),
                    headers=headers,
                    proxy=self._proxy,
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
        except self._failures as error:
            raise broken(self.where, error, f"GET {path}, {within:g} s") from None

    def _url(self, path: str, query: Query | None) -> URL:
        return URL(self.cluster.server + path, encoded=True).update_query(query or {})

    async def _headers(self, accept: str, media: str) -> Sequence[Header]:
        headers: list[Header] = [("User-Agent", f"meshtui/{version.VERSION}"), *self._as]
        headers += [(name, value) for name, value in (("Accept", accept), ("Content-Type", media)) if value]
        headers += await self.cluster.credentials.headers()
        for name, value in headers:
            if _UNFIT.search(value):
                raise KubeError(
                    f"what goes to {self.where} as {name} holds a line break, or another sign that no header can carry",
                    "see the token in the kubeconfig, what its plugin prints, and --as",
                    code=CREDENTIALS,
                )
        pair = self.cluster.credentials.certificate()
        if pair is not None and pair != self._pair and self._tls is not None:
            load_pair(self._tls, pair, self.where)
            stale, self._http, self._pair = self._http, self._open(), pair
            await stale.close()  # its connections present the certificate that was
        return headers

    async def _renew(self) -> bool:
        """Get other credentials after these were refused."""
        return await self.cluster.credentials.renew() or await self._find_again()

    async def _find_again(self) -> bool:
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
        stale, self._http = self._http, self._open()
        await stale.close()
        return True

    async def _body(self, response: aiohttp.ClientResponse, path: str) -> bytes:
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

    def _open(self) -> aiohttp.ClientSession:
        self._proxy = None if is_socks(self.cluster.proxy) else self.cluster.proxy
        connector, self._failures = connector_to(self.cluster, self._tls)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
