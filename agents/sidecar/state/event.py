"""Tap events: what an exchange looks like on the wire, without what must stay secret.

state/taps asks for them, only for exchanges that a tap takes. Sensitive headers are blanked here, before anything
leaves the process.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from agents.sidecar.engine.exchange import INBOUND, Exchange
from agents.sidecar.state.counters import Far
from agents.sidecar.state.peers import TLS_UNKNOWN, Peer
from meshcore.wire import common_pb2, tap_pb2

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


def sensitive(name: bytes) -> bool:
    """Tell whether a header's value must not leave the sidecar; the name is lower case."""
    return name in _SENSITIVE or any(part in name for part in _SENSITIVE_PARTS)


def headers(pairs: Iterable[tuple[bytes, bytes]]) -> list[tap_pb2.Header]:
    """Return header fields for the wire: redacted, and bounded in number and length."""
    told: list[tap_pb2.Header] = []
    for name, value in pairs:
        if name.startswith(b":"):
            continue  # HTTP/2's pseudo-fields are fields of the event
        if len(told) == MAX_HEADERS:
            break
        shown, secret = _known(name) if len(name) <= MAX_KNOWN else _name(name)
        told.append(tap_pb2.Header(name=shown, value=REDACTED if secret else value[:MAX_VALUE]))
    return told


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


def _event(x: Exchange, me: Peer, boot_id: str, orders: list[int], time_us: int) -> tap_pb2.TapEvent:
    """Return what all three events have in common."""
    inbound = x.direction == INBOUND
    far = x.client if inbound else x.server
    mine = peer(me)
    return tap_pb2.TapEvent(
        request_id=x.request_id(boot_id),
        time_us=time_us,
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


def request_init(x: Exchange, me: Peer, boot_id: str, orders: list[int], *, heads: bool) -> tap_pb2.TapEvent:
    """Return the event of a request's head."""
    event = _event(x, me, boot_id, orders, x.wall_us)
    event.request_init.method = x.method.decode("latin-1")
    event.request_init.scheme = x.scheme.decode("latin-1")
    event.request_init.authority = x.authority.decode("latin-1")
    event.request_init.path = x.path[:MAX_PATH].decode("utf-8", "replace")
    if heads:
        event.request_init.headers.extend(headers(x.headers()))
    return event


def response_init(x: Exchange, me: Peer, boot_id: str, orders: list[int], *, heads: bool) -> tap_pb2.TapEvent:
    """Return the event of a response's head."""
    since = _us(x.replied - x.started)
    event = _event(x, me, boot_id, orders, x.wall_us + since)
    event.response_init.since_request_init_us = since
    event.response_init.http_status = x.status
    if heads:
        event.response_init.headers.extend(headers(x.reply_headers()))
    return event


def response_end(x: Exchange, me: Peer, boot_id: str, orders: list[int], *, heads: bool) -> tap_pb2.TapEvent:
    """Return the event of an exchange's end."""
    since = _us(x.ended - x.started)
    event = _event(x, me, boot_id, orders, x.wall_us + since)
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
        end.trailers.extend(headers(x.trailers))
    return event


def _us(seconds: float) -> int:
    return max(0, round(seconds * 1e6))
