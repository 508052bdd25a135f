"""A mesh in a Kubernetes cluster, asked through its API server: a channel for the same stubs as the Unix socket's.

Each call becomes one GET on the aggregated API (wire/observe); the answer comes in gRPC-Web frames (wire/frames). The
API server knows who asks and RBAC says what may be asked, so nothing here carries a secret. How a GET gets there (the
kubeconfig, its credentials and proxies), and what a refusal of the API server means, is `fetch`'s, which whoever opens
the channel hands in.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, Generic, NoReturn, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message

from meshcore.client.failure import HINT, ClientError
from meshcore.wire import observe
from meshcore.wire.control_pb2 import HelloRequest, HelloResponse
from meshcore.wire.frames import CONTENT_TYPE, FrameError, Reader, read_trailers

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

HELLO_BYTES = 1 << 20
_ACCEPT = f"{CONTENT_TYPE}, application/json;q=0.1"

# Opens a path of the API server, for an Accept header, and gives the bytes of a good answer as they come; raises
# ClientError, also while they are read, where there is none.
Fetch = Callable[[str, str], AbstractAsyncContextManager[AsyncIterator[bytes]]]


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
        async with self._fetch(observe.path_of(question, request), _ACCEPT) as chunks:
            async for chunk in chunks:
                for last, payload in _frames(reader, chunk):
                    if last:
                        _end(read_trailers(payload))
                        return
                    yield _parse(question.response, payload)
        raise fault(grpc.StatusCode.CANCELLED)

    async def _hello(self, request: HelloRequest) -> AsyncIterator[HelloResponse]:
        body = b""
        async with self._fetch(observe.ROOT, "application/json") as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > HELLO_BYTES:
                    break
        try:
            hello = observe.unpack(json.loads(body)[observe.HELLO_MEMBER], HelloResponse)
        except (ValueError, KeyError, TypeError):
            raise ClientError(
                f"the API at {observe.ROOT} is not meshtui's",
                f"`kubectl get apiservice {observe.VERSION}.{observe.GROUP}` shows who serves it",
                code="unimplemented",
            ) from None
        yield cast("HelloResponse", hello)


def fault(code: grpc.StatusCode, details: str = "", hint: str = "") -> grpc.aio.AioRpcError:
    """Return the error that a gRPC channel would have raised."""
    metadata = grpc.aio.Metadata((HINT, hint.encode())) if hint else grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details, None)


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
