"""A small API server in the test's own process: collections with versions, pages, watches and compaction.

It keeps the rules of the API that meshcore.kube relies on, over real HTTP, and can be told to misbehave: `script`
answers the next request of a path by hand, `hang_up` ends all watches, `compact` forgets history. What was asked is in
`requests`. With `roles`, it allows what they need and nothing else. Real API servers are what tests/cluster asks.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from meshcore.kube.act import act_of
from meshcore.kube.cluster import Cluster
from meshcore.kube.needs import Need, need_for
from meshcore.kube.session import Session

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: list[tuple[str, str]]
    body: Any

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class Happened:
    """One entry of the history that watches are served from."""

    version: int
    type: str
    path: str
    object: dict[str, Any]


@dataclass
class ApiServer:
    """The server. Objects are kept by their path; a collection is all objects below its path."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    version: int = 100
    oldest: int = 100  # history before this version is gone
    history: list[Happened] = field(default_factory=list)
    scripts: dict[str, list[Handler]] = field(default_factory=dict)
    reviews: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = field(default_factory=dict)  # path: spec to status
    url: str = ""
    roles: tuple[str, ...] | None = (
        None  # of meshcore.kube.needs: what is not theirs is forbidden; None: all is allowed
    )
    mesh: str = "meshtui"  # the mesh's namespace
    served: set[Need] = field(default_factory=set)  # which of their needs came up
    used: set[tuple[Need, str]] = field(default_factory=set)  # the same, with the verb
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _epoch: int = 0

    def script(self, path: str, *handlers: Handler) -> None:
        """Answer the next requests of a path by hand, in turn."""
        self.scripts.setdefault(path, []).extend(handlers)

    def put(self, path: str, **fields: Any) -> dict[str, Any]:
        """Create or change an object, as somebody else would."""
        self.version += 1
        known = self.objects.get(path)
        parts = path.strip("/").split("/")
        metadata: dict[str, Any] = {"name": parts[-1], **fields.pop("metadata", {})}
        if "namespaces" in parts[:-2]:
            metadata["namespace"] = parts[parts.index("namespaces") + 1]
        metadata["resourceVersion"] = str(self.version)
        metadata.setdefault("uid", (known or {}).get("metadata", {}).get("uid") or f"uid-{self.version}")
        self.objects[path] = {**fields, "metadata": metadata}
        self._happen("MODIFIED" if known else "ADDED", path)
        return self.objects[path]

    def drop(self, path: str) -> None:
        self.version += 1
        self.objects[path]["metadata"]["resourceVersion"] = str(self.version)
        self._happen("DELETED", path)
        del self.objects[path]

    def compact(self) -> None:
        """Forget all history: versions before now are too old to watch from."""
        self.version += 1
        self.oldest = self.version
        self.history.clear()

    def hang_up(self) -> None:
        """End all watches."""
        self._epoch += 1
        self._woken.set()

    def bookmark(self) -> None:
        """Tell all watches how far they are."""
        self.version += 1
        self.history.append(Happened(self.version, "BOOKMARK", "", {}))
        self._woken.set()

    def asked(self, method: str, part: str = "") -> list[Asked]:
        return [each for each in self.requests if each.method == method and part in each.path]

    def watches(self) -> list[Asked]:
        return [each for each in self.requests if "watch" in each.query]

    def _happen(self, kind: str, path: str) -> None:
        self.history.append(Happened(self.version, kind, path, json.loads(json.dumps(self.objects[path]))))
        self._woken.set()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw) if raw[:1] in (b"{", b"[") else raw
        query = dict(request.query)
        self.requests.append(Asked(request.method, request.path, query, list(request.headers.items()), body))
        if self.roles is not None and not self._allowed(request, query):
            return self._forbid(request, query)
        scripted = self.scripts.get(request.path)
        if scripted:
            return await scripted.pop(0)(request)
        if request.method == "GET":
            if request.path in self.objects:
                return web.json_response(self.objects[request.path])
            if "watch" in query:
                return await self._watch(request, query)
            return self._list(request.path, query)
        if request.path in self.reviews:
            return web.json_response({**body, "status": self.reviews[request.path](body["spec"])}, status=201)
        method = {"application/apply-patch+yaml": "APPLY", "application/json-patch+json": "EDIT"}.get(
            request.content_type, request.method
        )
        return self._write(method, request.path, body)

    def _allowed(self, request: web.Request, query: dict[str, str]) -> bool:
        act = act_of(request.method, request.path, query)
        if act is None:
            return True
        need = need_for(act, self.roles or (), self.mesh)
        if need is not None:
            self.served.add(need)
            self.used.add((need, act.verb))
        return need is not None

    def _forbid(self, request: web.Request, query: dict[str, str]) -> web.Response:
        act = act_of(request.method, request.path, query)
        assert act is not None
        scope = f'in the namespace "{act.namespace}"' if act.namespace else "at the cluster scope"
        user = f"system:serviceaccount:{self.mesh}:{'-'.join(self.roles or ('nobody',))}"
        said = f'User "{user}" cannot {act.verb} resource "{act.full}" in API group "{act.group}" {scope}'
        return refusal(403, "Forbidden", f"{act.resource} is forbidden: {said}")

    def _list(self, path: str, query: dict[str, str]) -> web.Response:
        if names_object(path):
            return refusal(404, "NotFound", f'"{path}" not found', details={"name": path.rsplit("/", 1)[-1]})
        found = [each for each in self._below(path) if selected(each, query)]
        start = int(query.get("continue", 0))
        limit = int(query.get("limit", 0)) or len(found)
        metadata: dict[str, Any] = {"resourceVersion": str(self.version)}
        if start + limit < len(found):
            metadata["continue"] = str(start + limit)
        return web.json_response({"kind": "List", "metadata": metadata, "items": found[start : start + limit]})

    def _below(self, path: str) -> list[dict[str, Any]]:
        return [each for key, each in sorted(self.objects.items()) if inside(key, path)]

    async def _watch(self, request: web.Request, query: dict[str, str]) -> web.StreamResponse:
        version, epoch = int(query["resourceVersion"]), self._epoch
        if version < self.oldest:
            return refusal(410, "Expired", f"too old resource version: {version} ({self.oldest})")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while epoch == self._epoch:
            self._woken.clear()
            for each in [each for each in self.history if each.version > version]:
                version = each.version
                told = {"metadata": {"resourceVersion": str(version)}} if each.type == "BOOKMARK" else each.object
                if each.type == "BOOKMARK" or (inside(each.path, request.path) and selected(each.object, query)):
                    await response.write(json.dumps({"type": each.type, "object": told}).encode() + b"\n")
            await self._woken.wait()
        return response

    def _write(self, method: str, path: str, body: Any) -> web.Response:
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                return refusal(409, "AlreadyExists", f'"{path}" already exists')
        elif path not in self.objects and method != "APPLY":
            return refusal(404, "NotFound", f'"{path}" not found', details={"name": path.rsplit("/", 1)[-1]})
        if method == "DELETE":
            self.drop(path)
            return web.json_response({"kind": "Status", "status": "Success"})
        known = self.objects.get(path, {})
        wanted = (body.get("metadata") or {}).get("resourceVersion") if isinstance(body, dict) else None
        if known and wanted and wanted != known["metadata"]["resourceVersion"]:
            return refusal(409, "Conflict", "the object has been modified")
        if method == "EDIT":
            body = edited(known, body)
            if body is None:
                return refusal(422, "Invalid", "a test of the patch failed, or its place is not there")
        fields = merged(known, body) if method in ("PATCH", "APPLY") else dict(body)
        fields["metadata"] = {key: value for key, value in fields.get("metadata", {}).items() if key != "namespace"}
        return web.json_response(self.put(path, **fields), status=201 if method == "POST" else 200)


def inside(path: str, collection: str) -> bool:
    """Return whether an object is in a collection, of one namespace or of all."""
    if path.rsplit("/", 1)[0] == collection:
        return True
    parts = path.split("/")
    if "namespaces" not in parts[:-2]:
        return False
    at = parts.index("namespaces")
    return "/".join(parts[:at] + parts[at + 2 : -1]) == collection


def names_object(path: str) -> bool:
    """Return whether a path ends in a name, not in a plural."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    return len(rest) == 2 or len(rest) > 3


def merged(known: Any, patch: Any) -> Any:
    """Return a JSON merge patch's result (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(known) if isinstance(known, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def edited(known: Any, operations: list[dict[str, Any]]) -> Any:
    """Return a JSON patch's result (RFC 6902, without move and copy); None: it does not fit."""
    result = json.loads(json.dumps(known))
    for each in operations:
        *parts, last = [part.replace("~1", "/").replace("~0", "~") for part in each["path"].split("/")[1:]]
        try:
            at = result
            for part in parts:
                at = at[int(part) if isinstance(at, list) else part]
            name: Any = int(last) if isinstance(at, list) and last != "-" else last
            if each["op"] == "test" and at[name] != each["value"]:
                return None
            if each["op"] == "remove":
                del at[name]
            elif each["op"] == "add" and isinstance(at, list):
                at.insert(len(at) if last == "-" else name, each["value"])
            elif each["op"] in ("add", "replace"):
                at[name] = each["value"]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return result


def selected(each: dict[str, Any], query: dict[str, str]) -> bool:
    """Return whether a field selector by name takes an object; other selectors take everything here."""
    _before, sign, name = query.get("fieldSelector", "").partition("metadata.name=")
    return not sign or each["metadata"]["name"] == name


def refusal(
    code: int, reason: str, message: str, details: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    """Return an error as an API server says it."""
    said = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return web.json_response({**said, "details": details or {}}, status=code, headers=headers)


@asynccontextmanager
async def api_server(ssl_context: Any = None) -> AsyncIterator[ApiServer]:
    """Run one on a port of its own."""
    server = ApiServer()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", server._handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http{'s' if ssl_context else ''}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        server.hang_up()
        await runner.cleanup()


@asynccontextmanager
async def asking(server: ApiServer, **fields: Any) -> AsyncIterator[Session]:
    """Open a session to it."""
    session = Session(Cluster(server=server.url, **fields))
    try:
        yield session
    finally:
        await session.close()
