"""Whether a decoded head is well-formed (RFC 9113 section 8.2 and 8.3), told with a handful of C calls per head.

`Connection` calls one of `request`, `reply`, `trailers` for each head and treats `MalformedError` as a stream error.
Names that were once found good are remembered, bounded; values and whole heads never are.
"""

import re
from typing import Final

Field = tuple[bytes, bytes, bool]
Fields = list[Field]

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_PATH = re.compile(rb"[/*][\x21\x22\x24-\x7e\x80-\xff]*")
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+\-.]*")
_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_DIGITS = re.compile(rb"[0-9]{1,18}")

# Bytes that a value may have; what is left after deleting them must be the line feeds put between values.
_PLAIN = bytes(c for c in range(256) if c == 9 or (c >= 32 and c != 127))
_FEEDS = tuple(b"\n" * n for n in range(256))

# Section 8.2.2: fields of an HTTP/1.1 connection make a message malformed.
_FORBIDDEN: Final = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
RESERVED: Final = b"meshtui-"  # the mesh's own names: taken out of what clients say
_REMEMBERED: Final = 4000

_COMMON = (
    b"accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control"
    b" content-disposition content-encoding content-language content-length content-location content-range content-type"
    b" cookie date etag expect expires from grpc-accept-encoding grpc-encoding grpc-message grpc-status"
    b" grpc-status-details-bin grpc-timeout host if-match if-modified-since if-none-match if-range if-unmodified-since"
    b" last-modified link location max-forwards range referer refresh retry-after server set-cookie te trace-proto-bin"
    b" traceparent tracestate user-agent vary via www-authenticate x-b3-parentspanid x-b3-sampled x-b3-spanid"
    b" x-b3-traceid x-forwarded-for x-forwarded-proto x-request-id"
).split()
_TRAILER_NAMES: Final = set(_COMMON)
_REPLY_NAMES: Final = {b":status", *_COMMON}
_REQUEST_NAMES: Final = {b":method", b":scheme", b":path", b":authority", b":protocol", *_COMMON}


class MalformedError(Exception):
    """A head that must not go further."""


def request(headers: Fields, extended: bool = False) -> dict[bytes, bytes]:
    """Return a request's fields by name, or raise. `headers` loses what a client may not say."""
    fields = {name: value for name, value, _ in headers}
    if not fields.keys() <= _REQUEST_NAMES and _learn(fields, _REQUEST_NAMES):
        headers[:] = [field for field in headers if not field[0].startswith(RESERVED)]
        fields = {name: value for name, value, _ in headers}
    _values(headers)
    method = fields.get(b":method")
    scheme = fields.get(b":scheme")
    path = fields.get(b":path")
    authority = fields.get(b":authority")
    pseudo = (method is not None) + (scheme is not None) + (path is not None) + (authority is not None)
    if method == b"CONNECT":
        pseudo += _connect(fields, extended)
    elif path is None or scheme is None or method is None or b":protocol" in fields:
        raise MalformedError("pseudo-header fields are missing")
    elif not _PATH.fullmatch(path) or not _METHOD.fullmatch(method) or not _SCHEME.fullmatch(scheme):
        raise MalformedError("a pseudo-header field's value is invalid")
    if authority is not None and not _AUTHORITY.fullmatch(authority):
        raise MalformedError("invalid :authority")
    if len(fields) != len(headers):
        fields = _repeated(headers, fields)
    for name, _, _ in headers[:pseudo]:
        if name[0] != 58:
            raise MalformedError("a pseudo-header field after a regular one")
    te = fields.get(b"te")
    if te is not None and te != b"trailers":
        raise MalformedError("te other than trailers")
    host = fields.get(b"host")
    if host is not None and (not _AUTHORITY.fullmatch(host) or (authority is not None and authority != host)):
        raise MalformedError("host is not :authority")
    return fields


def reply(headers: Fields) -> dict[bytes, bytes]:
    """Return a reply's fields by name, or raise."""
    fields = {name: value for name, value, _ in headers}
    if not fields.keys() <= _REPLY_NAMES:
        _learn(fields, _REPLY_NAMES)
    _values(headers)
    if len(fields) != len(headers):
        fields = _repeated(headers, fields)
    status = fields.get(b":status", b"")
    if len(status) != 3 or not status.isdigit() or status < b"100" or headers[0][0] != b":status":
        raise MalformedError("no valid :status")
    if status == b"101":
        raise MalformedError("101 is HTTP/1.1's (section 8.6)")
    return fields


def trailers(headers: Fields) -> dict[bytes, bytes]:
    """Return the closing fields by name, or raise."""
    fields = {name: value for name, value, _ in headers}
    if not fields.keys() <= _TRAILER_NAMES:
        _learn(fields, _TRAILER_NAMES)
    if headers:
        _values(headers)
    if len(fields) != len(headers):
        fields = _repeated(headers, fields)
    return fields


def length(value: bytes, end: int) -> int:
    """Return a content-length, or raise, also where the head alone is the message (`end`) but bytes are announced."""
    if not _DIGITS.fullmatch(value):
        raise MalformedError("invalid content-length")
    size = int(value)
    if end and size:
        raise MalformedError("content-length without a body")
    return size


def weight(headers: Fields) -> int:
    """Return a head's size as SETTINGS_MAX_HEADER_LIST_SIZE counts it."""
    return sum([len(name) + len(value) + 32 for name, value, _ in headers])


def _values(headers: Fields) -> None:
    joined = b"\n".join([value for _, value, _ in headers])
    count = len(headers) - 1
    if joined.translate(None, _PLAIN) != (_FEEDS[count] if 0 <= count < 256 else b"\n" * count):
        raise MalformedError("a control character in a value")
    if b"\n " in joined or b" \n" in joined or b"\n\t" in joined or b"\t\n" in joined or joined.strip(b" \t") != joined:
        _edges(headers)


def _edges(headers: Fields) -> None:
    for _, value, _ in headers:
        if value and (value[0] in b" \t" or value[-1] in b" \t"):
            raise MalformedError("white space around a value")


def _learn(fields: dict[bytes, bytes], known: set[bytes]) -> bool:
    """Look at names that are new, and remember good ones. True if some are the mesh's own."""
    reserved = False
    for name in fields.keys() - known:
        if not _NAME.fullmatch(name) or name in _FORBIDDEN:
            raise MalformedError("an invalid field name")
        if name.startswith(RESERVED):
            reserved = True
        elif len(known) < _REMEMBERED and len(name) < 100:
            known.add(name)
    return reserved


def _connect(fields: dict[bytes, bytes], extended: bool) -> int:
    """CONNECT has only an authority; the extended one (RFC 8441) has everything. Returns 1 for :protocol."""
    if b":protocol" in fields:
        if not extended or not fields[b":protocol"] or not fields.get(b":scheme") or not fields.get(b":path"):
            raise MalformedError("extended CONNECT without :scheme or :path")
        return 1
    if b":scheme" in fields or b":path" in fields or not fields.get(b":authority"):
        raise MalformedError("CONNECT takes :authority alone")
    return 0


def _repeated(headers: Fields, fields: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Some name is repeated: never a pseudo-header field or one that frames the message; the first value counts."""
    counts: dict[bytes, int] = {}
    for name, _, _ in headers:
        counts[name] = counts.get(name, 0) + 1
    for name, count in counts.items():
        if count > 1 and (name[:1] == b":" or name in (b"content-length", b"host", b"te")):
            raise MalformedError("a field is repeated that may not be")
    return {name: value for name, value, _ in reversed(headers)}
