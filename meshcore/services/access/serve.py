"""The aggregated API over HTTP: who asks is checked, whether they may is asked, and the services answer.

The server puts the application on a TLS port behind the APIService `v1alpha1.observe.meshtui.dev`:

    Access(answers, front=..., allowed=..., hello=...).application()

`answers` are the services' own methods by gRPC name, `front()` says how the API server proves itself, and
`allowed(user, verb, resource, namespace)` says why something is not allowed (allow.py); empty: it is.
"""

import logging
import shlex
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, cast

import grpc
from aiohttp import web
from google.protobuf.message import Message

from meshcore.kube.review import User
from meshcore.patience import patiently
from meshcore.services.access.ask import request_of
from meshcore.services.access.caller import CallerError, FrontProxy, identify
from meshcore.services.access.context import Context
from meshcore.services.access.form import Form, Frames, Json, Refusal, discovery, failure
from meshcore.wire import frames, observe
from meshcore.wire.control_pb2 import HelloResponse

log = logging.getLogger("meshcore.access")

Answers = Mapping[str, Callable[[Any, Any], Any]]
Allowed = Callable[[User, str, str, str], Awaitable[str]]

MAX_STREAMS = 1000
ALIVE_S = 5.0  # a stream in which nothing happens says so this often
FIRST_S = 1.0  # how long a stream may take to its first answer before its head goes out
AGAIN_S = 30.0  # how often it is asked whether somebody may still see what an open stream tells
LINE_LIMIT = 64 << 10  # of a path: a request stands in it
HEADERS = 1500  # a header for each group of who asks: Active Directory's tokens have up to a thousand


class Access:
    """Answers people's questions that come through the API server."""

    def __init__(
        self, answers: Answers, *, front: Callable[[], FrontProxy | None], allowed: Allowed, hello: HelloResponse
    ) -> None:
        self._answers = answers
        self._front = front
        self._allowed = allowed
        self._hello = observe.pack(hello.SerializeToString())
        self.streams = 0

    def application(self) -> web.Application:
        """Return what serves the port; open it with `handler_args`."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        return app

    @property
    def handler_args(self) -> dict[str, Any]:
        """What AppRunner has to be told: paths and groups are long, a question ends with its asker's connection."""
        return {
            "max_line_size": LINE_LIMIT,
            "max_headers": HEADERS,
            "handler_cancellation": True,
            "access_log": None,
        }

    async def _get(self, request: web.Request) -> web.StreamResponse:
        form: Form = Frames() if frames.CONTENT_TYPE in request.headers.get("Accept", "") else Json()
        try:
            certificate = request.transport.get_extra_info("peercert") if request.transport else None
            front = self._front()
            if front is None:
                return _refuse(Json(), Refusal(grpc.StatusCode.UNAVAILABLE, "the control plane is just starting"))
            user = identify(front, certificate, request.headers.items())
        except CallerError as error:
            log.warning("a question was refused", extra={"fields": {"from": request.remote, "reason": str(error)}})
            # The connection may be older than our knowledge of the front proxy: the next one is looked at anew.
            refusal, close = Refusal(grpc.StatusCode.UNAUTHENTICATED, str(error)), {"Connection": "close"}
            return web.json_response(failure(refusal), status=401, headers=close)
        if request.path == observe.ROOT:
            return web.json_response(discovery(self._hello))
        try:
            question, space = observe.read_path(request.path)
        except observe.PathError as error:
            return web.json_response(failure(Refusal(grpc.StatusCode.NOT_FOUND, str(error))), status=404)
        if not question.watch and _lists(request):
            return _refuse(form, _no_objects(request.path, question.resource, space))
        try:
            asked = request_of(question, list(request.query.items()), space)
            await self._permit(user, question, asked)
            context = Context(lambda: self._everywhere(user, question))
            if not question.watch:
                return await self._once(question, asked, context, form)
        except observe.PathError as error:
            return _refuse(form, Refusal(grpc.StatusCode.INVALID_ARGUMENT, str(error)))
        except Refusal as refusal:
            return _refuse(form, refusal)
        still = Still(lambda: self._permit(user, question, asked))
        return await self._stream(request, self._answers[question.method](asked, context), form, still)

    async def _everywhere(self, user: User, question: observe.Question) -> bool:
        """Tell whether the user may ask this of all namespaces."""
        return not await self._allowed(user, _verb(question), question.resource, observe.EVERYWHERE)

    async def _permit(self, user: User, question: observe.Question, asked: Message) -> None:
        """Raise Refusal unless the user may ask this of every namespace that it touches."""
        verb = _verb(question)
        for space in sorted(question.spaces(asked)):
            reason = await self._allowed(user, verb, question.resource, space)
            if reason:
                role = "meshtui-tap" if question.resource in ("taps", "tops") else "meshtui-view"
                where = f"in namespace {space}" if space else "in all namespaces"
                bind = f"rolebinding -n {space}" if space else "clusterrolebinding"
                raise Refusal(
                    grpc.StatusCode.PERMISSION_DENIED,
                    f"{user.name} may not {verb} {question.resource} of {observe.GROUP} {where}",
                    f"ask of a namespace of yours (-n NAME, on a screen `:ns NAME`), or an administrator allows it "
                    f"with: kubectl create {bind} NAME --clusterrole {role} --user {shlex.quote(user.name)}",
                )

    async def _once(self, question: observe.Question, asked: Message, context: Context, form: Form) -> web.Response:
        answer = await _guard(self._answers[question.method](asked, context))
        return web.Response(body=form.message(answer) + form.end(None), content_type=form.content_type)

    async def _stream(
        self, request: web.Request, found: AsyncIterator[Message], form: Form, still: "Still"
    ) -> web.StreamResponse:
        if self.streams >= MAX_STREAMS:
            return _refuse(form, Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{MAX_STREAMS} streams are open already"))
        self.streams += 1
        response = web.StreamResponse(headers={"Content-Type": form.content_type})
        try:
            async with (
                aclosing(_guarded(found)) as answers,
                aclosing(patiently(answers, lambda: ALIVE_S if response.prepared else FIRST_S)) as coming,
            ):
                return await _send(request, response, coming, form, still)
        finally:
            self.streams -= 1


class Still:
    """Asks now and then whether what was permitted as a stream began still is: a stream may last for days."""

    def __init__(self, permit: Callable[[], Awaitable[None]]) -> None:
        """`permit` raises Refusal where it is not."""
        self._permit = permit
        self._due = time.monotonic() + AGAIN_S

    async def permitted(self) -> None:
        """Raise Refusal if it is due to ask, and the right is gone; that nobody knows is no refusal."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + AGAIN_S
        try:
            await self._permit()
        except Refusal as refusal:
            if refusal.code == grpc.StatusCode.PERMISSION_DENIED:
                raise


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    coming: AsyncIterator[Message | None],
    form: Form,
    still: "Still",
) -> web.StreamResponse:
    """Write answers as they come, signs of life between them, and how they ended; returns what was answered.

    A refusal before anything else is an answer of its own. A reader that has gone is no error.
    """
    refusal: Refusal | None = None
    try:
        try:
            async for answer in coming:
                if not response.prepared:
                    await response.prepare(request)
                await still.permitted()
                await response.write(form.alive if answer is None else form.message(answer))
        except Refusal as error:
            if not response.prepared:
                return _refuse(form, error)
            refusal = error
        if not response.prepared:
            await response.prepare(request)
        await response.write(form.end(refusal))
        await response.write_eof()
    except ConnectionError:
        pass
    return response


async def _guard(answer: Awaitable[Message]) -> Message:
    """Return an answer; a fault of ours becomes a refusal that says so."""
    try:
        return await answer
    except Refusal:
        raise
    except Exception as error:
        log.exception("a question could not be answered")
        raise Refusal(grpc.StatusCode.INTERNAL, f"{type(error).__name__}; the control plane's log says more") from None


async def _guarded(answers: AsyncIterator[Message]) -> AsyncGenerator[Message, None]:
    async with aclosing(cast("Any", answers)):
        try:
            async for answer in answers:
                yield answer
        except Refusal:
            raise
        except Exception as error:
            log.exception("a stream of answers broke")
            line = f"{type(error).__name__}; the control plane's log says more"
            raise Refusal(grpc.StatusCode.INTERNAL, line) from None


def _verb(question: observe.Question) -> str:
    return "watch" if question.watch else "get"


def _lists(request: web.Request) -> bool:
    """Tell whether this is `kubectl get RESOURCE`, which wants a table, or a page of objects that can be decoded."""
    return "as=Table" in request.headers.get("Accept", "") or "limit" in request.query


def _no_objects(path: str, resource: str, space: str) -> Refusal:
    verb = {"stats": "stat", "edges": "edges", "meshedpods": "pods"}.get(resource, "check")
    where = f" -n {space}" if space else " -A" if verb != "check" else ""
    return Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        f"{resource} of {observe.GROUP} are answers, not objects that could be listed",
        f"`meshtui {verb}{where}` shows them, `kubectl get --raw {path}` prints them as JSON",
    )


def _refuse(form: Form, refusal: Refusal) -> web.Response:
    return web.Response(body=form.end(refusal), status=form.status(refusal), content_type=form.content_type)
