"""Whether a decoded head is well-formed (RFC 9113 section 8.2 and 8.3), told with a handful of C calls per head.

`Connection` calls one of `request`, `reply`, `trailers` for each head and treats `MalformedError` as a stream error.
A field is looked at once: good ones are remembered, bounded, much as HPACK's own tables do; secrets never are, nor what
depends on other fields (CONNECT): those take the long way. Whole heads are `Heads`' business.
"""

import re
from collections.abc import Sequence
from itertools import permutations
from typing import Final

from agents.sidecar.engine.headers import reserved

# As the codec gives and takes them: name, value, "never index" (forwarded as such, RFC 7541 section 7.1.3).
# Those of a head that may come again are a Section: the same object each time.
Field = tuple[bytes, bytes, bool]
Fields = Sequence[Field]

UNTOLD: Final = -1  # the length of a body without content-length

_WORD = rb"[\x21-\x7e\x80-\xff]"
_VALUE = re.compile(rb"(?![ \t])" + _WORD + rb"*+(?:[ \t]++" + _WORD + rb"++)*+").fullmatch
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_DIGITS = re.compile(rb"[0-9]{1,18}").fullmatch
_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?").fullmatch
_PSEUDO = {
    b":method": re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch,
    b":scheme": re.compile(rb"[A-Za-z][A-Za-z0-9+\-.]*").fullmatch,
    b":path": re.compile(rb"/[\x21\x22\x24-\x7e\x80-\xff]*|\*").fullmatch,
    b":authority": _AUTHORITY,
    b":protocol": re.compile(rb"[\x21-\x7e]+").fullmatch,
}
# How nearly every request begins. None of the four can be repeated then, nor come late.
_SHAPES: Final = frozenset(permutations((b":method", b":scheme", b":path", b":authority")))

# Section 8.2.2: fields of an HTTP/1.1 connection make a message malformed.
_FORBIDDEN: Final = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
_SINGLE: Final = frozenset((b"content-length", b"host", b"te"))
_SECRET: Final = frozenset((b"authorization", b"cookie", b"set-cookie", b"proxy-authorization", b"x-api-key"))
_REMEMBERED: Final = 2000  # fields of a kind; then all are forgotten
_LONG: Final = 256

_request_fields: Final[set[Field]] = set()
_plain_fields: Final[set[Field]] = set()
_statuses: Final[dict[Field, tuple[int, int]]] = {}
_all_known_request = _request_fields.issuperset
_all_known_plain = _plain_fields.issuperset


class MalformedError(Exception):
    """A head that must not go further."""


class Section(tuple[Field, ...]):
    """Fields that nobody changes any more, as exchanges and taps ask for them (engine/exchange.Headers)."""

    __slots__ = ()

    def get(self, name: bytes) -> bytes | None:
        """Return the first value of a field."""
        for key, value, _ in self:
            if key == name:
                return value
        return None

    def pairs(self) -> Sequence[tuple[bytes, bytes]]:
        return [(name, value) for name, value, _ in self if name[:1] != b":"]


def request(headers: list[Field], extended: bool = False) -> dict[bytes, bytes]:
    """Return a request's fields by name, or raise. `headers` loses what a client may not say."""
    special = not _all_known_request(headers) and _learn_request(headers)
    fields = {name: value for name, value, _ in headers}
    if len(fields) != len(headers):
        fields = _repeated(headers)
    if special or tuple(fields)[:4] not in _SHAPES:
        _structure(fields, extended)
    elif b"host" in fields and fields[b"host"] != fields[b":authority"]:
        raise MalformedError("host is not :authority")
    return fields


def reply(headers: list[Field], trusted: bool = False) -> tuple[int, int]:
    """Return a reply's status and content-length (or UNTOLD), or raise. One with a length takes the long way.

    `headers` loses what only the mesh may say, unless a sidecar says it (`trusted`).
    """
    if headers:
        known = _statuses.get(headers[0])
        if known is not None and _all_known_plain(headers[1:]):
            return known
    return _learn_reply(headers, trusted)


def trailers(headers: list[Field], trusted: bool = False) -> None:
    """Raise if closing fields are malformed. `headers` loses what only the mesh may say, as with `reply`."""
    if not _all_known_plain(headers) and _learn_plain(headers) and not trusted:
        _remove_reserved(headers)


def length(value: bytes) -> int:
    """Return a content-length, or raise."""
    if not _DIGITS(value):
        raise MalformedError("invalid content-length")
    return int(value)


def weight(headers: Fields) -> int:
    """Return a head's size as SETTINGS_MAX_HEADER_LIST_SIZE counts it."""
    return sum([len(name) + len(value) + 32 for name, value, _ in headers])


def secret(headers: Fields) -> bool:
    """Tell whether some field may not be remembered."""
    return any(never or name in _SECRET for name, _, never in headers)


def _learn_request(headers: list[Field]) -> bool:
    """Look at a request's new fields. True if some need to be seen together with others."""
    special = False
    for field in headers:
        if field in _request_fields:
            continue
        name, value, _ = field
        if name[:1] == b":":
            valid = _PSEUDO.get(name)
            if valid is None or not valid(value):
                raise MalformedError("a pseudo-header field that is unknown or invalid")
            if value == b"CONNECT" or name == b":protocol" or (value == b"*" and name == b":path"):
                special = True
                continue
        else:
            _look(name, value)
            if reserved(name):
                special = True
                continue
            if name in _SINGLE:
                _single(name, value)
        _remember(_request_fields, field)
    if special:
        _remove_reserved(headers)
    return special


def _learn_reply(headers: list[Field], trusted: bool) -> tuple[int, int]:
    if not headers or headers[0][0] != b":status":
        raise MalformedError("no :status")
    rest = headers[1:]
    if _learn_plain(rest) and not trusted:
        _remove_reserved(headers)
    status = headers[0][1]
    if len(status) != 3 or not status.isdigit() or status < b"100" or status == b"101":
        raise MalformedError("an invalid :status, or 101, which is HTTP/1.1's (section 8.6)")
    lengths = [value for name, value, _ in rest if name == b"content-length"]
    if len(lengths) > 1:
        raise MalformedError("content-length is repeated")
    if status >= b"200" and len(_statuses) < _REMEMBERED:
        _statuses[headers[0]] = (int(status), UNTOLD)
    return int(status), length(lengths[0]) if lengths else UNTOLD


def _learn_plain(headers: list[Field]) -> bool:
    """Look at new fields. True if some are the mesh's own; these are never remembered."""
    ours = False
    for field in headers:
        if field not in _plain_fields:
            _look(field[0], field[1])
            if reserved(field[0]):
                ours = True
            else:
                _remember(_plain_fields, field)
    return ours


def _remove_reserved(headers: list[Field]) -> None:
    headers[:] = [field for field in headers if not reserved(field[0])]


def _look(name: bytes, value: bytes) -> None:
    if not _NAME(name) or name in _FORBIDDEN:
        raise MalformedError("an invalid field name")
    if not _VALUE(value):
        raise MalformedError("a control character in a value, or white space around it")


def _single(name: bytes, value: bytes) -> None:
    """Fields that frame or direct a request."""
    if name == b"te" and value != b"trailers":
        raise MalformedError("te other than trailers")
    if (name == b"content-length" and not _DIGITS(value)) or (name == b"host" and not _AUTHORITY(value)):
        raise MalformedError("an invalid content-length or host")


def _remember(known: set[Field], field: Field) -> None:
    name, value, never = field
    if (
        never
        or len(value) + len(name) > _LONG
        or name in _SECRET
        or (name == b"content-length" and known is _plain_fields)
    ):
        return
    if len(known) >= _REMEMBERED:
        known.clear()
    known.add(field)


def _repeated(headers: Fields) -> dict[bytes, bytes]:
    """Some name is repeated: never a pseudo-header field or one that frames the message; the first value counts."""
    fields: dict[bytes, bytes] = {}
    for name, value, _ in headers:
        if name in fields and (name[:1] == b":" or name in _SINGLE):
            raise MalformedError("a field is repeated that may not be")
        fields.setdefault(name, value)
    return fields


def _structure(fields: dict[bytes, bytes], extended: bool) -> None:
    """See whether a request's fields fit together; each is valid by itself, and in the order of its first coming."""
    pseudo = fields.keys() & _PSEUDO.keys()
    if not pseudo.issuperset(list(fields)[: len(pseudo)]):
        raise MalformedError("a pseudo-header field after a regular one")
    needed = {b":method", b":scheme", b":path"}
    if fields.get(b":method") == b"CONNECT":
        if b":protocol" not in fields:
            needed = {b":method", b":authority"}
            if pseudo != needed:
                raise MalformedError("CONNECT takes :authority alone")
        elif not extended:
            raise MalformedError("extended CONNECT is not offered")
    elif b":protocol" in fields:
        raise MalformedError(":protocol belongs to CONNECT")
    if not needed <= pseudo:
        raise MalformedError("pseudo-header fields are missing")
    if fields.get(b":path") == b"*" and fields[b":method"] != b"OPTIONS":
        raise MalformedError("* is the target of OPTIONS alone")
    host = fields.get(b"host")
    if host is not None and fields.get(b":authority", host) != host:
        raise MalformedError("host is not :authority")
