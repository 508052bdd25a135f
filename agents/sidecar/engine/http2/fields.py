"""Whether a decoded head is well-formed (RFC 9113 section 8.2 and 8.3), told with a handful of C calls per head.

`Connection` calls one of `request`, `reply`, `trailers` for each head and treats `MalformedError` as a stream error.
Names, methods and authorities once found good are remembered, bounded; other values and whole heads never are.
"""

import re
from collections.abc import Iterable
from typing import Final

Field = tuple[bytes, bytes, bool]
Fields = list[Field]

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_PATH = re.compile(rb"[/*][\x21\x22\x24-\x7e\x80-\xff]*")
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+\-.]*")
_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_DIGITS = re.compile(rb"[0-9]{1,18}")

# Section 8.2.1, values joined by line feeds: words with white space between them, never around them.
_WORD = rb"[\x21-\x7e\x80-\xff]"
_VALUE = rb"(?![ \t])" + _WORD + rb"*+(?:[ \t]++" + _WORD + rb"++)*+"
_VALUES = re.compile(_VALUE + rb"(?:\n" + _VALUE + rb")*+").fullmatch

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
_PSEUDO: Final = frozenset((b":method", b":scheme", b":path", b":authority", b":protocol"))
_REQUEST_NAMES: Final = {*_PSEUDO, *_COMMON}
_METHODS: Final = {b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"}
_SCHEMES: Final = {b"http", b"https"}
_AUTHORITIES: Final[set[bytes]] = set()


class MalformedError(Exception):
    """A head that must not go further."""


def request(headers: Fields, extended: bool = False) -> dict[bytes, bytes]:
    """Return a request's fields by name, or raise. `headers` loses what a client may not say."""
    fields = {name: value for name, value, _ in headers}
    if not fields.keys() <= _REQUEST_NAMES and _learn(fields, _REQUEST_NAMES):
        headers[:] = [field for field in headers if not field[0].startswith(RESERVED)]
        fields = {name: value for name, value, _ in headers}
    if len(fields) == len(headers):
        _check(fields.values(), len(fields))
    else:
        fields = _repeated(headers)
    get = fields.get
    method = get(b":method")
    pseudo = 3
    if method not in _METHODS or b":protocol" in fields:
        pseudo = _unusual(fields, extended)
    elif get(b":scheme") not in _SCHEMES:
        _scheme(get(b":scheme"))
    path = get(b":path")
    if (path is None or not _PATH.fullmatch(path)) and pseudo >= 3:
        raise MalformedError("no valid :path")
    authority = get(b":authority")
    if authority is not None:
        pseudo += 1
        if authority not in _AUTHORITIES:
            _authority(authority)
    # There are so many pseudo-header fields, none twice: they are the first ones, or one comes too late.
    if not _PSEUDO.issuperset(list(fields)[:pseudo]):
        raise MalformedError("a pseudo-header field after a regular one")
    if b"te" in fields and fields[b"te"] != b"trailers":
        raise MalformedError("te other than trailers")
    if b"host" in fields:
        _host(fields[b"host"], authority)
    return fields


def reply(headers: Fields) -> dict[bytes, bytes]:
    """Return a reply's fields by name, or raise."""
    fields = {name: value for name, value, _ in headers}
    if not fields.keys() <= _REPLY_NAMES:
        _learn(fields, _REPLY_NAMES)
    if len(fields) == len(headers):
        _check(fields.values(), len(fields))
    else:
        fields = _repeated(headers)
    status = fields.get(b":status")
    if status is None or len(status) != 3 or not status.isdigit() or headers[0][0] != b":status":
        raise MalformedError("no valid :status")
    if status < b"100" or status == b"101":
        raise MalformedError("101 is HTTP/1.1's (section 8.6)")
    return fields


def trailers(headers: Fields) -> dict[bytes, bytes]:
    """Return the closing fields by name, or raise."""
    fields = {name: value for name, value, _ in headers}
    if not fields.keys() <= _TRAILER_NAMES:
        _learn(fields, _TRAILER_NAMES)
    if len(fields) == len(headers):
        _check(fields.values(), len(fields))
        return fields
    return _repeated(headers)


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


def _check(values: Iterable[bytes], count: int) -> None:
    joined = b"\n".join(values)
    if not _VALUES(joined) or joined.count(b"\n") >= count > 0:
        raise MalformedError("a control character in a value, or white space around it")


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


def _unusual(fields: dict[bytes, bytes], extended: bool) -> int:
    """A method that is rare, or CONNECT. Returns how many pseudo-header fields there are besides :authority."""
    method = fields.get(b":method")
    if method == b"CONNECT":
        if b":protocol" in fields:  # RFC 8441: has everything
            if not extended or not fields[b":protocol"]:
                raise MalformedError("extended CONNECT is not offered")
            _scheme(fields.get(b":scheme"))
            return 4
        if b":scheme" in fields or b":path" in fields or b":authority" not in fields:
            raise MalformedError("CONNECT takes :authority alone")
        return 1
    if method is None or not _METHOD.fullmatch(method) or b":protocol" in fields:
        raise MalformedError("no valid :method")
    _scheme(fields.get(b":scheme"))
    return 3


def _scheme(scheme: bytes | None) -> None:
    if scheme is None or not _SCHEME.fullmatch(scheme):
        raise MalformedError("no valid :scheme")


def _authority(authority: bytes) -> None:
    if not _AUTHORITY.fullmatch(authority):
        raise MalformedError("invalid :authority")
    if len(_AUTHORITIES) < _REMEMBERED:
        _AUTHORITIES.add(authority)


def _host(host: bytes, authority: bytes | None) -> None:
    if authority is None:
        _authority(host)
    elif authority != host:
        raise MalformedError("host is not :authority")


def _repeated(headers: Fields) -> dict[bytes, bytes]:
    """Some name is repeated: never a pseudo-header field or one that frames the message; the first value counts."""
    _check([value for _, value, _ in headers], len(headers))
    counts: dict[bytes, int] = {}
    for name, _, _ in headers:
        counts[name] = counts.get(name, 0) + 1
    for name, count in counts.items():
        if count > 1 and (name[:1] == b":" or name in (b"content-length", b"host", b"te")):
            raise MalformedError("a field is repeated that may not be")
    fields: dict[bytes, bytes] = {}
    for name, value, _ in headers:
        fields.setdefault(name, value)
    return fields
