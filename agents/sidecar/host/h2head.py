"""HTTP/2 heads as exchanges know them, and the heads that the sidecar says itself.

host/h2relay reads and writes with it. Nothing here knows streams or connections.
"""

import re
from functools import partial
from time import perf_counter

from agents.sidecar.engine.exchange import GRPC, Exchange
from agents.sidecar.engine.headers import ERROR_HEADER
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.stack import Reply

_CODES = {str(code).encode(): code for code in range(17)}
_UNKNOWN = 2
_CANCELLED = 1
_DEADLINE_EXCEEDED = 4
# How gRPC reads an HTTP status that a proxy answers with (grpc's http-grpc-status-mapping.md).
_FROM_HTTP = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
_FROM_ERROR = {"timeout": _DEADLINE_EXCEEDED}
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])").fullmatch
_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_EARLY_S = 0.02  # by so much a client's clock may begin before ours


# grpc-message is percent-encoded (grpc's PROTOCOL-HTTP2.md, "Responses").
_decoded = partial(re.compile(rb"%([0-9A-Fa-f]{2})").sub, lambda found: bytes((int(found[1], 16),)))
_encoded = partial(re.compile(rb"[^ -$&-~]").sub, lambda found: b"%%%02X" % found[0])


def conclude(x: Exchange, headers: Fields) -> None:
    """Take a call's outcome from the fields that it ended with."""
    for name, value, _ in headers:
        if name == b"grpc-status":
            x.grpc_status = _CODES.get(value, _UNKNOWN)
        elif name == b"grpc-message" and value:
            x.grpc_message = _decoded(value).decode("utf-8", "replace")


def cancelled(x: Exchange) -> None:
    """The client gave a call up: say which status it sees, its deadline's or its own."""
    if x.protocol != GRPC:
        return
    found = _TIMEOUT(x.request.get(b"grpc-timeout") or b"")
    late = found is not None and perf_counter() - x.started >= int(found[1]) * _UNITS[found[2]] - _EARLY_S
    x.grpc_status = _DEADLINE_EXCEEDED if late else _CANCELLED


def local(x: Exchange, reply: Reply) -> tuple[Fields, bytes]:
    """Return head and body of an answer of our own, and note the outcome in the exchange."""
    error = reply.error.encode()
    extra = [(name, value, False) for name, value in reply.headers]
    if error:
        extra.append((ERROR_HEADER, error, False))
    if x.protocol == GRPC:
        code = reply.grpc_status
        if code is None:
            code = _FROM_ERROR.get(reply.error, _FROM_HTTP.get(reply.status, _UNKNOWN))
        message = reply.body.decode("utf-8", "replace").strip() or reply.error
        x.status = 200
        x.grpc_status = code
        x.grpc_message = message
        return [
            (b":status", b"200", False),
            (b"content-type", b"application/grpc", False),
            (b"grpc-status", b"%d" % code, False),
            (b"grpc-message", _encoded(message.encode()), False),
            *extra,
        ], b""
    body = reply.body or (error + b"\n" if error else b"")
    x.status = reply.status
    head = [(b":status", b"%d" % reply.status, False), (b"content-length", b"%d" % len(body), False)]
    if body:
        head.append((b"content-type", b"text/plain; charset=utf-8", False))
    return head + extra, b"" if x.method == b"HEAD" else body
