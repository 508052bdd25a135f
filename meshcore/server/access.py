"""Who is calling: the SPIFFE ID that mutual TLS proved, held against what a caller says of itself.

An interceptor on the mutual-TLS listener, so that no service can forget the check; services that need the caller
get `caller`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import grpc

from meshcore.wire import discovery_pb2, policy_pb2, stats_pb2, tap_pb2
from meshcore.wire.ids import SpiffeId, parse_spiffe

# Servicers' stubs mark their contexts with a class of their own each; all are this.
Context = Any


def caller(context: Context) -> SpiffeId | None:
    """Return the workload identity that the peer's certificate proves, or None; a replica's has DNS names too."""
    names = context.auth_context().get("x509_subject_alternative_name", [])
    names = [name for name in names if b":" in name]  # which no DNS name has
    if len(names) != 1:
        return None
    try:
        return parse_spiffe(names[0].decode("ascii"))
    except ValueError:
        return None


def claim(message: object) -> tuple[str, str | None] | None:
    """Return the namespace and service account that a message says are its sender's; None: it does not say."""
    match message:
        case discovery_pb2.Registration() if message.HasField("instance"):
            return message.instance.namespace, message.instance.service_account
        case stats_pb2.StatsReport() if message.HasField("hello"):
            return message.hello.self.namespace, message.hello.self.service_account
        case tap_pb2.TapReport() if message.HasField("hello"):
            return message.hello.self.namespace, message.hello.self.service_account
        case policy_pb2.PolicyRequest():
            return message.namespace, None
    return None


class Access(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Refuses callers of another trust domain, and messages that speak for somebody else."""

    def __init__(self, trust_domain: str) -> None:
        self._trust_domain = trust_domain

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """Wrap the handler of a call."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        if handler.request_streaming:
            return handler._replace(stream_stream=self._stream(handler.stream_stream))
        if handler.response_streaming:
            return handler._replace(unary_stream=self._watch(handler.unary_stream))
        return handler._replace(unary_unary=self._ask(handler.unary_unary))

    def _ask(self, inner: Callable[[Any, Context], Awaitable[Any]]) -> Callable[[Any, Context], Awaitable[Any]]:
        async def checked(request: Any, context: Context) -> Any:
            await self._check(request, await self._known(context), context)
            return await inner(request, context)

        return checked

    def _watch(
        self, inner: Callable[[Any, Context], AsyncIterator[Any]]
    ) -> Callable[[Any, Context], AsyncIterator[Any]]:
        async def checked(request: Any, context: Context) -> AsyncIterator[Any]:
            await self._check(request, await self._known(context), context)
            async with aclosing(inner(request, context)) as answers:  # type: ignore[type-var]
                async for answer in answers:
                    yield answer

        return checked

    def _stream(
        self, inner: Callable[[AsyncIterator[Any], Context], AsyncIterator[Any]]
    ) -> Callable[[AsyncIterator[Any], Context], AsyncIterator[Any]]:
        async def messages(given: AsyncIterator[Any], who: SpiffeId, context: Context) -> AsyncIterator[Any]:
            async for message in given:
                await self._check(message, who, context)
                yield message

        async def checked(given: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            who = await self._known(context)
            async with aclosing(inner(messages(given, who, context), context)) as answers:  # type: ignore[type-var]
                async for answer in answers:
                    yield answer

        return checked

    async def _known(self, context: Context) -> SpiffeId:
        who = caller(context)
        if who is None:
            await _refuse(context, grpc.StatusCode.UNAUTHENTICATED, "the certificate names no workload of a mesh")
        if who.trust_domain != self._trust_domain:
            reason = f"this mesh's trust domain is {self._trust_domain}, not {who.trust_domain}"
            await _refuse(context, grpc.StatusCode.PERMISSION_DENIED, reason)
        return who

    async def _check(self, message: object, who: SpiffeId, context: Context) -> None:
        said = claim(message)
        if said is None:
            return
        namespace, account = said
        if namespace != who.namespace or account not in (None, who.service_account):
            reason = f"{who} may not speak for namespace {namespace!r}, service account {account!r}"
            await _refuse(context, grpc.StatusCode.PERMISSION_DENIED, reason)


async def _refuse(context: Context, code: grpc.StatusCode, reason: str) -> NoReturn:
    await context.abort(code, reason)
    raise AssertionError("abort returned")
