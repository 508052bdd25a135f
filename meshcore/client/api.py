"""A mesh in a Kubernetes cluster, asked through its API server: a channel for the same stubs as the Unix socket's.

Each call becomes one GET on the aggregated API (wire/observe); the answer comes in gRPC-Web frames (wire/frames). The
API server knows who asks and RBAC says what may be asked, so nothing here carries a secret. How a GET gets there (the
kubeconfig, its credentials and proxies) is `fetch`'s, which whoever opens the channel hands in.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, Generic, NoReturn, Protocol, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message

from meshcore.client.failure import HINT, ClientError
from meshcore.wire import observe
from meshcore.wire.control_pb2 import HelloRequest, HelloResponse
from meshcore.wire.frames import CONTENT_TYPE, FrameError, Reader, read_trailers

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

ERROR_LIMIT = 64 << 10  # bytes of a refusal that are read
_ACCEPT = {"Accept": f"{CONTENT_TYPE}, application/json;q=0.1"}
_INSTALL = "`meshtui check` says what is missing; `meshtui install | kubectl apply -f -` installs the mesh"


class Answer(Protocol):
    """What came back for a GET."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; raises ClientError when the connection is lost."""


# Opens a path of the API server with some headers; raises ClientError where it cannot be reached.
Fetch = Callable[[str, Mapping[str, str]], AbstractAsyncContextManager[Answer]]


class Call(Generic[Response]):
    """One question on its way: awaited for a single answer, iterated for a stream."""

    def __init__(self, answers: AsyncIterator[Response], timeout: float | None) -> None:
        self._answers = answers
        self._timeout = timeout

    def __await__(self) -> Generator[Any, None, Response]:
        return self._one().__await__()

    def __aiter__(self) -> AsyncIterator[Response]:
        return self._answers

    def cancel(self) -> bool:
        """Nothing to tell from here: `aclose` ends the question."""
        return True

    async def aclose(self) -> None:
        """End a stream whose reader has gone, and with it the request."""
        await cast("Any", self._answers).aclose()

    async def _one(self) -> Response:
        try:
            async with asyncio.timeout(self._timeout), aclosing(cast("Any", self._answers)) as answers:
                async for answer in answers:
                    return cast("Response", answer)
        except TimeoutError:
            raise fault(grpc.StatusCode.DEADLINE_EXCEEDED) from None
        raise fault(grpc.StatusCode.INTERNAL, "the answer was empty")


class ApiChannel:
    """Stands where the generated stubs expect a grpc.aio.Channel."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    def unary_unary(
        self,
        method: str,
        request_serializer: object = None,
        response_deserializer: object = None,
        _registered_method: bool = False,
    ) -> Callable[..., Call[Any]]:
        """Return what asks a question once."""
        ask = self._hello if method == observe.HELLO else self._question(method)
        return lambda request, timeout=None, wait_for_ready=None: Call(ask(request), timeout)

    def unary_stream(
        self,
        method: str,
        request_serializer: object = None,
        response_deserializer: object = None,
        _registered_method: bool = False,
    ) -> Callable[..., Call[Any]]:
        """Return what asks a question whose answer goes on."""
        ask = self._question(method)
        return lambda request, timeout=None, wait_for_ready=None: Call(ask(request), timeout)

    def stream_stream(self, method: str, *_: object, **__: object) -> Callable[..., NoReturn]:
        """Nobody reports through the API server."""
        return lambda *_, **__: _elsewhere(method)

    def _question(self, method: str) -> Callable[[Any], AsyncIterator[Any]]:
        question = observe.question_of(method)
        if question is None:
            return lambda _: _elsewhere(method)
        return lambda request: self._ask(question, request)

    async def _ask(self, question: observe.Question, request: Message) -> AsyncIterator[Message]:
        reader = Reader()
        async with self._fetch(observe.path_of(question, request), _ACCEPT) as answer:
            if answer.status != 200:
                raise await refusal(answer)
            async with aclosing(cast("Any", answer.chunks())) as chunks:
                async for chunk in chunks:
                    for last, payload in _frames(reader, chunk):
                        if last:
                            _end(read_trailers(payload))
                            return
                        yield _parse(question.response, payload)
        raise fault(grpc.StatusCode.CANCELLED)

    async def _hello(self, request: HelloRequest) -> AsyncIterator[HelloResponse]:
        async with self._fetch(observe.ROOT, {"Accept": "application/json"}) as answer:
            if answer.status != 200:
                raise await refusal(answer)
            packed = answer.headers.get(observe.HELLO_HEADER, "")
        try:
            hello = observe.unpack(packed, HelloResponse)
        except observe.PathError:
            packed = ""
        if not packed:
            raise ClientError(
                f"the API at {observe.ROOT} is not meshtui's",
                f"`kubectl get apiservice {observe.VERSION}.{observe.GROUP}` shows who serves it",
                code="unimplemented",
            )
        yield cast("HelloResponse", hello)


def fault(code: grpc.StatusCode, details: str = "", hint: str = "") -> grpc.aio.AioRpcError:
    """Return the error that a gRPC channel would have raised."""
    metadata = grpc.aio.Metadata((HINT, hint.encode())) if hint else grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details, None)


async def refusal(answer: Answer) -> ClientError:
    """Return what an answer of the API server, or of the mesh behind it, says instead of an answer."""
    body = b""
    async with aclosing(cast("Any", answer.chunks())) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > ERROR_LIMIT:
                break
    message, hint = _status(body)
    if answer.status == 401:
        hint = hint or "log in again: the credentials of the kubeconfig's user are missing or have expired"
        return ClientError(message or "the API server does not know who asks", hint, code="unauthenticated")
    if answer.status == 403:
        hint = hint or (
            "ask for the ClusterRole meshtui-view (and meshtui-tap for tap and top) in that namespace: "
            "kubectl create rolebinding meshtui-view --clusterrole meshtui-view --user NAME -n NAMESPACE"
        )
        return ClientError(message or "that is not allowed", hint, code="permission_denied")
    if answer.status == 404:
        return ClientError("no mesh is installed in this cluster", hint or _INSTALL, code="not_installed")
    if answer.status in (502, 503, 504):
        return ClientError(
            f"the control plane does not answer the API server{f': {message}' if message else ''}",
            hint or "`meshtui check` looks at it; `kubectl -n meshtui get pods` shows whether it runs",
            code="unavailable",
            lost=True,
        )
    if answer.status == 429:
        return ClientError("the API server has too much to do", "it is asked again", code="unavailable", lost=True)
    return ClientError(
        f"the API server answered {answer.status}{f': {message}' if message else ''}", hint, code="unknown"
    )


def _status(body: bytes) -> tuple[str, str]:
    """Return message and hint of a Kubernetes Status; of anything else, its first line."""
    try:
        status = json.loads(body)
        causes = (status.get("details") or {}).get("causes") or ()
        hint = next((cause["message"] for cause in causes if cause.get("reason") == "Hint"), "")
        return " ".join(str(status.get("message", "")).split()), str(hint)
    except (ValueError, AttributeError, KeyError, TypeError):
        text = body.decode("utf-8", "replace").strip()
        return (text.splitlines()[0][:200] if text else ""), ""


def _frames(reader: Reader, chunk: bytes) -> Any:
    try:
        yield from reader.feed(chunk)
    except FrameError as error:
        raise fault(grpc.StatusCode.INTERNAL, str(error)) from None


def _parse(kind: type[Message], payload: bytes) -> Message:
    found = kind()
    try:
        found.ParseFromString(payload)
    except DecodeError:
        raise fault(grpc.StatusCode.INTERNAL, f"the answer is no {kind.DESCRIPTOR.name}") from None
    return found


def _end(fields: Mapping[str, str]) -> None:
    """Return at the good end of an answer; raises AioRpcError at any other."""
    number = fields.get("grpc-status", "2")
    if number == "0":
        return
    known = {str(code.value[0]): code for code in grpc.StatusCode}
    raise fault(
        known.get(number, grpc.StatusCode.UNKNOWN), fields.get("grpc-message", ""), fields.get("meshtui-hint", "")
    )


def _elsewhere(method: str) -> NoReturn:
    raise ClientError(
        f"{method.rpartition('/')[2]} is asked on a local mesh's own socket, not in a cluster",
        "use kubectl for what runs in the cluster",
        code="unimplemented",
    )
