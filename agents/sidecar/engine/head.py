"""Heads of HTTP/1 messages: one strict expression tells whether a head is one, a second finds what a proxy must know.

Grammar of RFC 9110 and 9112 with nothing forgiven: a head that the first expression does not match is refused, because
what two parsers read differently is how requests are smuggled. The rest of a head stays the bytes that it was.
engine/http1 calls `Request` and `Response` with the whole head, up to and with its blank line. No I/O.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from agents.sidecar.engine.headers import RESERVED

CHUNKED = -1  # values of `length` besides a number of bytes
UNTIL_CLOSE = -2

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_VALUE = rb"[\t\x20-\x7e\x80-\xff]"
_LINES = rb"(?:" + _TOKEN + rb"++:" + _VALUE + rb"*+\r\n)*+\r\n"
_REQUEST = re.compile(rb"(" + _TOKEN + rb"{1,32}+) ([\x21\x22\x24-\x7e]++) HTTP/1\.([01])\r\n" + _LINES)
_RESPONSE = re.compile(rb"HTTP/1\.[01] [1-9][0-9][0-9](?: " + _VALUE + rb"*+)?\r\n" + _LINES)
_TRAILERS = re.compile(_LINES)
_PAIR = re.compile(rb"([^:\r\n]++):[ \t]*+([^\r]*?)[ \t]*+\r\n")

# What a proxy must understand; a name is found only at the beginning of a line. The first letters come first, so that
# most lines cost one comparison.
_NAMES = (
    rb"[Hh](?i:ost)|[Cc][Oo][Nn](?i:tent-length|nection)|[Tt](?i:ransfer-encoding|e)|[Uu](?i:pgrade)|[Ee](?i:xpect)"
    rb"|[Kk](?i:eep-alive)|[Pp](?i:roxy-connection|roxy-authorization)|(?i:" + RESERVED + rb")"
)
_FIELDS = re.compile(rb"\n(?=[CHTUEKPMchtuekpm])(" + _NAMES + rb"):[ \t]*+([^\r]*+)")
_ANSWER_NAMES = (
    rb"[Cc][Oo][Nn](?i:tent-length|nection)|[Tt](?i:ransfer-encoding|e)|[Uu](?i:pgrade)|[Kk](?i:eep-alive)"
    rb"|[Pp](?i:roxy-connection)|(?i:" + RESERVED + rb")"
)
_ANSWER_FIELDS = re.compile(rb"\n(?=[CTUKPMctukpm])(" + _ANSWER_NAMES + rb"):[ \t]*+([^\r]*+)")
_HOST = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5}+)?")
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+\-.]*+)://([^/?@]++)((?:[/?].*+)?)")
_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]++|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}+")
_FRAMING = re.compile(
    rb"(?:^|\n)(?i:content-length|transfer-encoding|host|connection|te|trailer|upgrade|content-encoding"
    rb"|content-type|content-range|authorization|cookie|set-cookie|" + RESERVED + rb"):"
)
_BODILESS = frozenset((204, 304))
_NO_BODY = frozenset((0, UNTIL_CLOSE))  # as a length


class RefusedError(Exception):
    """A message that goes no further: the status to answer with, and the reason in one word."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Head:
    """What both kinds of head share. `data` may go on after the head; `size` says where the head ends."""

    __slots__ = ("_pairs", "connection", "data", "edited", "length", "minor", "persistent", "size", "upgrade")

    data: bytes
    size: int
    minor: int  # HTTP/1.minor
    length: int  # of the body, or CHUNKED, or UNTIL_CLOSE
    persistent: bool  # the sender keeps the connection
    connection: frozenset[bytes]  # options of the Connection field
    upgrade: bytes  # the protocol that the connection shall become, if one is named
    edited: bool  # it has lines that must not be forwarded

    def pairs(self) -> Sequence[tuple[bytes, bytes]]:
        """Return every field, names in lower case. Parsed when first asked for."""
        pairs = self._pairs
        if pairs is None:
            start = self.data.index(b"\n") + 1
            pairs = self._pairs = [(k.lower(), v) for k, v in _PAIR.findall(self.data, start, self.size)]
        return pairs

    def get(self, name: bytes) -> bytes | None:
        """Return the first value of a field, by its name in lower case."""
        for key, value in self.pairs():
            if key == name:
                return value
        return None

    _pairs: list[tuple[bytes, bytes]] | None

    def _take(self, found: list[tuple[bytes, bytes]]) -> bytes | None:
        """Take in the fields that were found: framing and connection. Returns Host, if there was one."""
        host: bytes | None = None
        length = -1
        chunked = False
        for name, value in found:
            kind = _KINDS.get(name) or name.lower()
            if kind == b"host":
                host = self._host(host, value)
            elif kind == b"content-length":
                value = value.rstrip(b" \t")  # noqa: PLW2901
                if length >= 0 or not value.isdigit() or len(value) > 18:
                    raise RefusedError(400, "bad-content-length")
                length = int(value)
            elif kind == b"transfer-encoding":
                if chunked or value.strip(b" \t").lower() != b"chunked":
                    raise RefusedError(400, "bad-transfer-encoding")
                chunked = True
            elif kind == b"connection":
                self.edited = True
                self.connection |= {option.strip(b" \t").lower() for option in value.split(b",")}
            elif kind == b"upgrade":
                self.edited = True
                value = value.strip(b" \t")  # noqa: PLW2901
                if value.lower() != b"h2c":  # would carry requests past every stage; RFC 9110, 7.8 lets it be ignored
                    self.upgrade = value
            elif kind != b"expect":
                self.edited = True
        if chunked:
            if length >= 0 or self.minor == 0:
                raise RefusedError(400, "bad-framing")
            self.length = CHUNKED
        elif length >= 0:
            self.length = length
        if self.connection:
            if len(self.connection) > _OPTIONS_LIMIT:
                raise RefusedError(400, "bad-connection")
            if b"close" in self.connection:
                self.persistent = False
            elif self.minor == 0:
                self.persistent = b"keep-alive" in self.connection
        return host

    def _host(self, known: bytes | None, value: bytes) -> bytes:
        if known is None and value in _hosts:
            return value
        value = value.rstrip(b" \t")
        if known is not None or not _HOST.fullmatch(value):
            raise RefusedError(400, "bad-host")
        if len(_hosts) < 256:
            _hosts.add(value)
        return value

    def lines(self, upgrade: bool, trusted: bool = False) -> bytes:
        """Return the field lines and the blank line without what is meant for one hop only (RFC 9110, 7.6.1).

        `trusted`: the sender is a sidecar, whose word about the mesh is passed on.
        """
        start = self.data.index(b"\n") + 1
        drop = _drop(self.connection, trusted)
        kept = drop.sub(b"", self.data[start - 1 : self.size])[1:]
        if upgrade:
            return b"Connection: upgrade\r\nUpgrade: " + self.upgrade + b"\r\n" + kept
        return kept


class Request(Head):
    """The head of a request. `path` is in origin form; `authority` is the target's, else what Host says."""

    __slots__ = ("authority", "method", "path", "scheme", "target")

    def __init__(self, data: bytes, size: int) -> None:
        match = _match_request(data, 0, size)
        if match is None:
            raise RefusedError(400, "bad-head")
        self.data = data
        self.size = size
        self._pairs = None
        self.method, target, minor = match.groups()
        self.target = target
        if minor == b"1":
            self.minor = 1
            self.persistent = True
        else:
            self.minor = 0
            self.persistent = False
        self.connection = _NO_OPTIONS
        self.upgrade = b""
        self.edited = False
        self.length = 0
        self.scheme = b"http"
        if len(target) > TARGET_LIMIT:
            raise RefusedError(414, "target-too-long")
        found = _find_fields(data, 0, size)
        if len(found) == 1 and found[0][0] in _HOST_NAMES:
            host: bytes | None = self._host(None, found[0][1])
        else:
            host = self._take(found)
        if host is None:
            if self.minor:
                raise RefusedError(400, "no-host")
            host = b""
        self.authority = host
        if target[0] == _SLASH and self.method != b"CONNECT":
            self.path = target
        else:
            self._other_form(target)

    def _other_form(self, target: bytes) -> None:
        """Absolute, authority and asterisk form (RFC 9112, 3.2); what Host says gives way to the target."""
        if self.method == b"CONNECT":
            if not _AUTHORITY.fullmatch(target):
                raise RefusedError(400, "bad-target")
            self.authority = target
            self.path = b""
            return
        if target == b"*" and self.method == b"OPTIONS":
            self.path = target
            return
        match = _ABSOLUTE.fullmatch(target)
        if match is None or match[1].lower() not in _SCHEMES or not _HOST.fullmatch(match[2]):
            raise RefusedError(400, "bad-target")
        self.scheme = match[1].lower()
        self.authority = match[2]
        if not match[3] and self.method == b"OPTIONS":
            self.path = b"*"  # RFC 9112, 3.2.4
        else:
            self.path = match[3] if match[3][:1] == b"/" else b"/" + match[3]
        self.edited = True

    def forward(self, more: bytes = b"") -> bytes:
        """Return the head as the next hop shall have it, with `more` lines."""
        if not self.edited:
            return self.data[: self.size - 2] + more + b"\r\n"
        lines = self.lines(bool(self.upgrade) and b"upgrade" in self.connection and self.minor == 1)
        if self.target is not self.path and self.path:
            lines = b"Host: " + self.authority + b"\r\n" + _HOST_LINE.sub(b"", b"\n" + lines)[1:]
        first = b"%b %b HTTP/1.%d\r\n" % (self.method, self.path or self.target, self.minor)
        return first + lines[:-2] + more + b"\r\n"


class Response(Head):
    """The head of a response to a request with `method`."""

    __slots__ = ("status",)

    def __init__(self, data: bytes, size: int, method: bytes) -> None:
        if _match_response(data, 0, size) is None:
            raise RefusedError(502, "bad-head")
        self.data = data
        self.size = size
        self._pairs = None
        self.status = code = _CODES[data[9:12]]
        if data[7] == _ONE:
            self.minor = 1
            self.persistent = True
        else:
            self.minor = 0
            self.persistent = False
        self.connection = _NO_OPTIONS
        self.upgrade = b""
        self.edited = False
        self.length = UNTIL_CLOSE
        found = _find_answer_fields(data, 0, size)
        if len(found) == 1 and found[0][0] in _LENGTH_NAMES:
            value = found[0][1]
            if len(value) < 19 and value.isdigit():
                self.length = int(value)
            else:
                self._take(found)
        else:
            self._take(found)
        if code < 200 or code in _BODILESS or method == b"HEAD":
            if self.length not in _NO_BODY and method != b"HEAD" and code != 304:
                raise RefusedError(502, "bad-framing")  # RFC 9112, 6.1; RFC 9110, 8.6
            self.length = 0
        elif method == b"CONNECT" and code < 300:
            self.length = 0
        elif self.length == UNTIL_CLOSE:
            self.persistent = False

    def forward(self, minor: int, close: bool, trusted: bool = False) -> bytes:
        """Return the head as a client that spoke HTTP/1.`minor` shall have it; `close`: no further response follows."""
        if not self.edited and not close and self.minor == minor == 1:
            return self.data[: self.size]
        line = b"HTTP/1.1" + self.data[8 : self.data.index(b"\n") + 1]
        lines = self.lines(self.status == 101, trusted)
        if close:
            return line + b"Connection: close\r\n" + lines
        if minor == 0:
            return line + b"Connection: keep-alive\r\n" + lines
        return line + lines


def trailers(data: bytes) -> bool:
    """Tell whether a trailer section, up to and with its blank line, may be forwarded (RFC 9110, 6.5.1)."""
    return _TRAILERS.fullmatch(data) is not None and _FRAMING.search(data) is None


def pairs(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Return the fields of a trailer section."""
    return [(name.lower(), value) for name, value in _PAIR.findall(lines)]


@lru_cache(maxsize=64)
def _drop(options: frozenset[bytes], trusted: bool) -> re.Pattern[bytes]:
    """Return what finds lines of one hop: the usual, and those that Connection names. Framing cannot be named away."""
    named = [re.escape(option) for option in options - _KEPT if option]
    names = [_HOP, *named] if trusted else [_HOP, RESERVED, *named]
    return re.compile(rb"\n(?i:" + b"|".join(names) + rb"):[^\r]*+\r(?=\n)")


class _Codes(dict[bytes, int]):
    """Statuses by how they are written: those that have come, of the nine hundred that the grammar lets through."""

    __slots__ = ()

    def __missing__(self, digits: bytes) -> int:
        self[digits] = code = int(digits)
        return code


TARGET_LIMIT = 8192
_SLASH = ord("/")
_ONE = ord("1")
_CODES = _Codes()
_HOST_NAMES = frozenset((b"Host", b"host"))
_LENGTH_NAMES = frozenset((b"Content-Length", b"content-length"))
_hosts: set[bytes] = set()  # values of Host that were found well-formed
_match_request = _REQUEST.fullmatch
_match_response = _RESPONSE.fullmatch
_find_fields = _FIELDS.findall
_find_answer_fields = _ANSWER_FIELDS.findall
_SCHEMES = frozenset((b"http", b"https", b"ws", b"wss"))
_NO_OPTIONS: frozenset[bytes] = frozenset()
_OPTIONS_LIMIT = 64  # each set of them is an expression of its own, which a client should not have made at will
_KEPT = frozenset((b"close", b"host", b"content-length", b"transfer-encoding", b"expect", b"authorization", b"cookie"))
_HOP = rb"connection|keep-alive|proxy-connection|proxy-authorization|te|upgrade"
_HOST_LINE = re.compile(rb"\n(?i:host):[^\r]*+\r(?=\n)")
_KINDS = {name: name.lower() for name in (b"Host", b"host", b"Content-Length", b"content-length", b"Connection")}
