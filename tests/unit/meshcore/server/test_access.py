"""Whose name a certificate proves, and whose name a message may use."""

from typing import Any

import grpc
import pytest

from meshcore.server.access import Access, caller, claim
from meshcore.wire.common_pb2 import Peer
from meshcore.wire.discovery_pb2 import Instance, Registration, WatchRequest
from meshcore.wire.ids import SpiffeId
from meshcore.wire.policy_pb2 import PolicyRequest
from meshcore.wire.stats_pb2 import StatsHello, StatsReport
from meshcore.wire.tap_pb2 import TapHello, TapReport


class Refused(Exception):
    pass


class Context:
    def __init__(self, *names: bytes) -> None:
        self.names = list(names)

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_subject_alternative_name": self.names} if self.names else {}

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Refused(code, details)


WEB = b"spiffe://local/ns/shop/sa/web"
ME = Peer(namespace="shop", service_account="web")


@pytest.mark.parametrize(
    "names", [(), (WEB, WEB), (WEB, b"https://x"), (b"web.shop",), (b"\xff",), (b"\xff:",), (b"spiffe://local/x",)]
)
def test_only_one_spiffe_id_and_nothing_else_proves_anything(names: tuple[bytes, ...]) -> None:
    assert caller(Context(*names)) is None


def test_a_workloads_certificate_proves_its_identity() -> None:
    assert caller(Context(WEB)) == SpiffeId("local", "shop", "web")
    assert caller(Context(WEB, b"control-plane.meshtui", b"localhost")) == SpiffeId("local", "shop", "web")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Registration(instance=Instance(namespace="shop", service_account="web")), ("shop", "web")),
        (Registration(draining=True), None),
        (StatsReport(hello=StatsHello(self=ME)), ("shop", "web")),
        (StatsReport(seq=1), None),
        (TapReport(hello=TapHello(self=ME)), ("shop", "web")),
        (PolicyRequest(namespace="shop", name="web"), ("shop", None)),
        (WatchRequest(namespace="bank", target="x"), None),
    ],
)
def test_what_a_message_says_of_its_sender(message: object, said: object) -> None:
    assert claim(message) == said


async def call(kind: str, messages: list[Any], context: Context) -> list[Any]:
    """Return what a handler behind the interceptor was given."""
    given: list[Any] = []

    async def unary(request: Any, _: Any) -> str:
        given.append(request)
        return "answer"

    async def watch(request: Any, _: Any) -> Any:
        given.append(request)
        yield "answer"

    async def stream(requests: Any, _: Any) -> Any:
        async for request in requests:
            given.append(request)
            yield "answer"

    handlers = {
        "unary": lambda: grpc.unary_unary_rpc_method_handler(unary),
        "watch": lambda: grpc.unary_stream_rpc_method_handler(watch),
        "stream": lambda: grpc.stream_stream_rpc_method_handler(stream),
    }

    async def found(_: Any) -> Any:
        return handlers[kind]()

    handler = await Access("local").intercept_service(found, None)
    if kind == "unary":
        assert await handler.unary_unary(messages[0], context) == "answer"
    elif kind == "watch":
        assert [answer async for answer in handler.unary_stream(messages[0], context)] == ["answer"]
    else:

        async def requests() -> Any:
            for message in messages:
                yield message

        assert [answer async for answer in handler.stream_stream(requests(), context)] == ["answer"] * len(messages)
    return given


GOOD = Registration(instance=Instance(namespace="shop", service_account="web"))
BAD = Registration(instance=Instance(namespace="shop", service_account="cart"))


@pytest.mark.parametrize("kind", ["unary", "watch", "stream"])
async def test_who_speaks_for_himself_passes(kind: str) -> None:
    assert await call(kind, [GOOD], Context(WEB)) == [GOOD]


@pytest.mark.parametrize("kind", ["unary", "watch", "stream"])
async def test_who_speaks_for_another_is_refused(kind: str) -> None:
    with pytest.raises(Refused, match="may not speak for"):
        await call(kind, [BAD], Context(WEB))


@pytest.mark.parametrize("kind", ["unary", "watch", "stream"])
@pytest.mark.parametrize("names", [(), (b"spiffe://elsewhere/ns/shop/sa/web",)])
async def test_a_stranger_is_refused(kind: str, names: tuple[bytes, ...]) -> None:
    with pytest.raises(Refused):
        await call(kind, [GOOD], Context(*names))


async def test_a_later_message_is_checked_too() -> None:
    with pytest.raises(Refused):
        await call("stream", [GOOD, Registration(draining=True), BAD], Context(WEB))


async def test_an_unknown_method_stays_unknown() -> None:
    async def nothing(_: Any) -> None:
        return None

    assert await Access("local").intercept_service(nothing, None) is None
