"""What a connection speaks, from the first bytes that its client sent, before any of them is taken.

host/arrival peeks and asks; the answer is a protocol, or MORE. A ClientHello is read far enough to know its ALPN and
SNI, which tells the mesh's own TLS from everybody else's. No I/O.
"""

import re
from enum import Enum
from typing import NamedTuple

PEEK = 16 * 1024  # of a ClientHello that does not fit in this, nobody has heard yet
HANDSHAKE = b"\x16"  # the first byte of TLS (RFC 8446, 5.1)
MESH_ALPN = b"meshtui/1"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_LINE_LIMIT = 8192 + 64
_NAME = re.compile(rb"[A-Za-z0-9._-]{1,253}")
_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE")
_BEGUN = tuple(method + b" /" for method in _METHODS)
# Said loosely: what looks like HTTP and is wrong has to meet the strict parser, not slip by as opaque bytes.
_VERSION = re.compile(rb"HTTP/[0-9.]*[ \t\r]*$")
_TEXT = rb"[\t\x20-\x7e]"
# How a line of HTTP may begin, and each beginning of it: a word and anything, text alone, or a method with one wrong
# byte in it. What breaks this is opaque at once, and stays so whatever follows: a server may be waited for.
_PLAUSIBLE = re.compile(
    rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}+ .*+|" + _TEXT + rb"*+\r?|[A-Z]{1,16}+[^\t\x20-\x7e]" + _TEXT + rb"*+\r?",
    re.DOTALL,
)


class Kind(Enum):
    """What it speaks."""

    MORE = "more"
    HTTP1 = "http1"
    HTTP2 = "http2"
    MESH = "mesh"
    TLS = "tls"
    OPAQUE = "opaque"


class Hello(NamedTuple):
    """What matters of a ClientHello (RFC 8446, 4.1.2)."""

    sni: str = ""
    alpn: tuple[bytes, ...] = ()


class Detected(NamedTuple):
    """The answer; `hello` of TLS only."""

    kind: Kind
    hello: Hello = Hello()


MORE = Detected(Kind.MORE)
OPAQUE = Detected(Kind.OPAQUE)
_HTTP1 = Detected(Kind.HTTP1)
_HTTP2 = Detected(Kind.HTTP2)


def detect(data: bytes) -> Detected:
    """Return what a connection that begins with `data` speaks; MORE if that cannot be told yet."""
    if not data:
        return MORE
    if data[:1] == HANDSHAKE:
        return _tls(data)
    if data[: len(_PREFACE)] == _PREFACE[: len(data)]:
        return _HTTP2 if len(data) >= len(_PREFACE) else MORE
    return _http1(data)


def conclude(data: bytes) -> Detected:
    """Return what to take a connection for whose client has said `data` and lets the time limit pass.

    Who has begun a request is held to it: the rest, however late, is for the strict parser and its own limit.
    """
    if data[:4] == _PREFACE[:4]:
        return _HTTP2
    return _HTTP1 if data.lstrip(b"\r\n").startswith(_BEGUN) else OPAQUE


def _http1(data: bytes) -> Detected:
    size = len(data)
    data = data.lstrip(b"\r\n")  # RFC 9112, 2.2
    if not data:
        return MORE if size < PEEK else OPAQUE
    end = data.find(b"\n", 0, _LINE_LIMIT)
    line = data[: end if end >= 0 else _LINE_LIMIT]
    if not _PLAUSIBLE.fullmatch(line):
        return OPAQUE
    if end < 0:
        if len(data) < _LINE_LIMIT and size < PEEK:
            return MORE
        return _HTTP1 if data.startswith(_BEGUN) else OPAQUE
    if _VERSION.search(line):
        return _HTTP1
    # HTTP/0.9, or a version that is none: still a client that means HTTP.
    return _HTTP1 if line.startswith(_BEGUN) else OPAQUE


def _tls(data: bytes) -> Detected:
    """A handshake record of TLS; its ClientHello may be spread over several records."""
    hello = bytearray()
    at = 0
    while True:
        if len(data) < at + 5:
            return _more(data)
        if data[at] != HANDSHAKE[0] or data[at + 1] != 3:
            return OPAQUE
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        if not 0 < length <= 16384 + 256:
            return OPAQUE
        hello += data[at + 5 : at + 5 + length]
        at += 5 + length
        if len(hello) >= 4:
            if hello[0] != 1:
                return OPAQUE
            size = 4 + int.from_bytes(hello[1:4], "big")
            if size > 2 * PEEK:
                return Detected(Kind.TLS)
            if len(hello) >= size:
                return _hello(bytes(hello[4:size]))
        if len(data) <= at:
            return _more(data)


def _more(data: bytes) -> Detected:
    return MORE if len(data) < PEEK else Detected(Kind.TLS)


def _hello(body: bytes) -> Detected:
    try:
        hello = _parse(body)
    except IndexError:
        return OPAQUE
    return Detected(Kind.MESH if MESH_ALPN in hello.alpn else Kind.TLS, hello)


def _parse(body: bytes) -> Hello:
    """Read a ClientHello's extensions; raises IndexError where it is cut short."""
    at = 34
    at += 1 + body[at]  # session id
    at += 2 + _u16(body, at)  # cipher suites
    at += 1 + body[at]  # compression methods
    if at >= len(body):
        return Hello()
    end = at + 2 + _u16(body, at)
    if end > len(body):
        raise IndexError("extensions end after the message")
    at += 2
    sni = ""
    alpn: tuple[bytes, ...] = ()
    while at < end:
        kind, size = _u16(body, at), _u16(body, at + 2)
        value = body[at + 4 : at + 4 + size]
        if len(value) < size:
            raise IndexError("an extension ends after the message")
        at += 4 + size
        if kind == 0:
            sni = _sni(value)
        elif kind == 16:
            alpn = _alpn(value)
    return Hello(sni, alpn)


def _u16(body: bytes, at: int) -> int:
    return body[at] << 8 | body[at + 1]


def _sni(value: bytes) -> str:
    """RFC 6066, 3: the first host name of the list. What cannot be one is nobody's: it ends up in metrics."""
    if len(value) < 5 or value[2] != 0:
        return ""
    name = value[5 : 5 + _u16(value, 3)]
    return name.decode("ascii").lower() if _NAME.fullmatch(name) else ""


def _alpn(value: bytes) -> tuple[bytes, ...]:
    """RFC 7301, 3.1."""
    names = []
    at = 2
    while at < len(value):
        names.append(value[at + 1 : at + 1 + value[at]])
        at += 1 + value[at]
    return tuple(names)
