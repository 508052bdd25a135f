"""Tap events: what an exchange looks like on the wire, without what must stay secret.

state/taps asks for them, only for exchanges that a tap takes. Sensitive headers are blanked here, before anything
leaves the process.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from agents.sidecar.engine.exchange import INBOUND, Exchange
from agents.sidecar.state.counters import Far
from agents.sidecar.state.peers import TLS_UNKNOWN, Peer
from meshcore.wire import common_pb2, tap_pb2

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

REDACTED: Final = b"[redacted]"
MAX_VALUE = 1024  # bytes of one header's value
MAX_PATH = 4096
MAX_HEADERS = 100
MAX_KNOWN = 64  # bytes of a name that is remembered
_SENSITIVE: Final = frozenset(
    (
        b"authorization",
        b"cookie",
        b"proxy-authorization",
        b"proxy-authenticate",
        b"set-cookie",
        b"set-cookie2",
        b"www-authenticate",
        b"x-amz-security-token",
        b"x-api-key",
        b"x-auth-token",
        b"x-csrf-token",
        b"x-forwarded-client-cert",
        b"x-xsrf-token",
    )
)
_NOBODY: Final = common_pb2.Peer()
_SENSITIVE_PARTS: Final = (b"secret", b"password", b"token", b"api-key", b"apikey", b"credential")


class Show(Protocol):
    """Makes an event of what all of an exchange's have in common."""

    def __call__(self, event: tap_pb2.TapEvent, x: Exchange, *, heads: bool) -> None: ...


class Moment(NamedTuple):
    """An event that is yet to be made: what an exchange says of its head, its answer and its end stays with it."""

    show: Show
    x: Exchange
    orders: list[int]
    heads: bool

    def make(self, me: Peer, boot_id: str, begun: dict[int, tap_pb2.TapEvent]) -> tap_pb2.TapEvent:
        """Return the event. `begun`: what those of an exchange share that are made now, by the orders they share."""
        common = begun.get(id(self.orders))
        if common is None:
            common = begun[id(self.orders)] = _begin(self.x, me, boot_id, self.orders)
        event = tap_pb2.TapEvent()
        event.CopyFrom(common)
        self.show(event, self.x, heads=self.heads)
        return event


def sensitive(name: bytes) -> bool:
    """Tell whether a header's value must not leave the sidecar; the name is lower case."""
    return name in _SENSITIVE or any(part in name for part in _SENSITIVE_PARTS)


def _add(told: "RepeatedCompositeFieldContainer[tap_pb2.Header]", pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """Add header fields to those of an event: redacted, and bounded in number and length."""
    for name, value in pairs:
        if name.startswith(b":"):
            continue  # HTTP/2's pseudo-fields are fields of the event
        if len(told) == MAX_HEADERS:
            break
        shown, secret = _known(name) if len(name) <= MAX_KNOWN else _name(name)
        told.add(name=shown, value=REDACTED if secret else value[:MAX_VALUE])


def _name(name: bytes) -> tuple[str, bool]:
    """Return a field's name for the wire, and whether its value is secret."""
    lower = name.lower()
    return lower.decode("latin-1"), sensitive(lower)


_known = lru_cache(512)(_name)


def peer(end: Far | None) -> common_pb2.Peer:
    """Return one end for the wire, to be put into another message; None is an end that nobody knows."""
    return _NOBODY if end is None else _peer(end, end.address)


@lru_cache(1024)
def _peer(end: Far, address: str) -> common_pb2.Peer:
    """Return an end's message; it is the same one again and again, and copied when it is put into another."""
    return common_pb2.Peer(
        namespace=end.namespace,
        kind=end.kind,
        name=end.name,
        pod=end.pod,
        service_account=end.service_account,
        identity=end.identity,
        address=address,
    )


def _begin(x: Exchange, me: Peer, boot_id: str, orders: list[int]) -> tap_pb2.TapEvent:
    """Return what all events of an exchange have in common, as far as it is known now; the time is its beginning's."""
    inbound = x.direction == INBOUND
    far = x.client if inbound else x.server
    mine = peer(me)
    return tap_pb2.TapEvent(
        request_id=x.request_id(boot_id),
        time_us=x.wall_us,
        direction=common_pb2.Direction.ValueType(x.direction),
        source=peer(x.client) if inbound else mine,
        destination=mine if inbound else peer(x.server),
        tls=common_pb2.Tls.ValueType(TLS_UNKNOWN if far is None else far.tls),
        no_tls_reason="" if far is None else far.no_tls_reason,
        route=x.route,
        attempt=x.attempt,
        protocol=common_pb2.Protocol.ValueType(x.protocol),
        trace_id=x.trace_id,
        orders=orders,
        proxy=mine,
        service_namespace=x.service.namespace,
        service_name=x.service.name,
        port=x.port or x.service.port,
    )


def request_init(event: tap_pb2.TapEvent, x: Exchange, *, heads: bool) -> None:
    """Make what `_begin` returned the event of a request's head."""
    init = event.request_init
    init.method = x.method.decode("latin-1")
    init.scheme = x.scheme.decode("latin-1")
    init.authority = x.authority.decode("latin-1")
    init.path = x.path[:MAX_PATH].decode("utf-8", "replace")
    if heads:
        _add(init.headers, x.headers())


def response_init(event: tap_pb2.TapEvent, x: Exchange, *, heads: bool) -> None:
    """Make it the event of a response's head."""
    since = _us(x.replied - x.started)
    event.time_us += since
    init = event.response_init
    init.since_request_init_us = since
    init.http_status = x.status
    if heads:
        _add(init.headers, x.reply_headers())


def response_end(event: tap_pb2.TapEvent, x: Exchange, *, heads: bool) -> None:
    """Make it the event of an exchange's end."""
    since = _us(x.ended - x.started)
    event.time_us += since
    end = event.response_end
    end.since_request_init_us = since
    end.since_response_init_us = _us(x.ended - x.replied) if x.replied else 0
    end.request_bytes = x.request_bytes
    end.response_bytes = x.response_bytes
    end.http_status = x.status
    if x.grpc_status is not None:
        end.grpc_status = x.grpc_status
        end.grpc_message = x.grpc_message[:MAX_VALUE]
    if x.reset_code is not None:
        end.reset_code = x.reset_code
    end.classification = common_pb2.Class.ValueType(x.classification)
    end.error = x.error
    if heads:
        _add(end.trailers, x.trailers)


def _us(seconds: float) -> int:
    return max(0, round(seconds * 1e6))
