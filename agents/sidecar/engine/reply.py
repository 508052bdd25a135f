"""Answers that the sidecar gives itself, as bytes of HTTP/1, with the reason in a header of our own.

host/downstream writes them; HTTP/2 has its own way. `meshtui-error` is what people grep for.
"""

from agents.sidecar.engine.headers import ERROR_HEADER
from agents.sidecar.engine.stack import Reply

_PHRASES = {
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    408: b"Request Timeout",
    414: b"URI Too Long",
    421: b"Misdirected Request",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}
# How what went wrong on the way is told to a client; whatever is not here is a 502.
STATUS = {
    "no-endpoints": 503,
    "discovery-timeout": 503,
    "draining": 503,
    "overloaded": 503,
    "out-of-descriptors": 503,
    "buffer-limit": 503,
    "upstream-silent": 504,
    "connect-refused": 503,
    "connect-timeout": 504,
    "timeout": 504,
}
# The application was not reached, so it has seen nothing of the request: whoever can may ask another one.
UNSENT = frozenset((b"connect-refused", b"connect-timeout", b"connect-failed"))


def render(reply: Reply, close: bool, head_only: bool = False) -> bytes:
    """Return a whole HTTP/1.1 response."""
    body = reply.body or (f"{reply.error}\n".encode() if reply.error else b"")
    lines = [b"HTTP/1.1 %d %b" % (reply.status, _PHRASES.get(reply.status, b"Status"))]
    lines += [b"%b: %b" % pair for pair in reply.headers]
    if reply.error:
        lines.append(b"%b: %b" % (ERROR_HEADER, reply.error.encode()))
    lines.append(b"content-length: %d" % len(body))
    if body:
        lines.append(b"content-type: text/plain; charset=utf-8")
    if close:
        lines.append(b"connection: close")
    return b"\r\n".join([*lines, b"", b"" if head_only else body])


def refusal(error: str) -> Reply:
    """Return the answer that fits an error."""
    return Reply(STATUS.get(error, 502), error)
