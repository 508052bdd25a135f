"""Heads and bodies that proxies and servers are known to read differently, and their harmless neighbours.

test_smuggling sends them through sidecars. A name says what is wrong, or what is right although it looks odd. Nothing
here was taken from another suite; the classes follow RFC 9110 and 9112, and what request smuggling has been made of.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Refused(NamedTuple):
    """What the client gets: this reason in this answer."""

    data: bytes
    error: str
    status: int


class Accepted(NamedTuple):
    """What arrives: exactly this request, however leniently it is read."""

    data: bytes
    method: bytes = b"GET"
    target: bytes = b"/"
    body: bytes = b""


def _get(*lines: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: origin\r\n") -> bytes:
    return line + b"\r\n" + host + b"".join(part + b"\r\n" for part in lines) + b"\r\n"


def _post(*lines: bytes, body: bytes = b"") -> bytes:
    return _get(*lines, line=b"POST / HTTP/1.1") + body


_CHUNKED = b"Transfer-Encoding: chunked"
_HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: origin\r\n\r\n"
_BODY = b"5\r\nhello\r\n0\r\n\r\n"


def _chunks(body: bytes) -> bytes:
    return _post(_CHUNKED, body=body)


_LENGTHS = {
    "plus": b"+5",
    "minus": b"-5",
    "hex": b"0x5",
    "letters": b"five",
    "empty": b"",
    "spaces only": b"   ",
    "list of equal ones": b"5, 5",
    "list of different ones": b"5, 6",
    "inner space": b"1 0",
    "underscore": b"1_0",
    "fraction": b"5.0",
    "exponent": b"5e0",
    "semicolon": b"5;q=1",
    "quoted": b'"5"',
    "64 bits and one more": b"18446744073709551621",
    "very long": b"0" * 400 + b"5",
    "Arabic digits": "٥".encode(),
    "no-break space": b"\xa05",
}
_UNREADABLE_LENGTHS = {
    "vertical tab": b"\x0b5",
    "followed by NUL": b"5\x00",
}
_CODINGS = {
    "identity": b"identity",
    "gzip": b"gzip",
    "gzip, then chunked": b"gzip, chunked",
    "chunked, then identity": b"chunked, identity",
    "chunked twice": b"chunked, chunked",
    "misspelt": b"xchunked",
    "prefix": b"chunke",
    "suffix": b"chunkedx",
    "quoted": b'"chunked"',
    "parameter": b"chunked;q=1",
    "leading comma": b",chunked",
    "trailing comma": b"chunked,",
    "no-break space": b"\xa0chunked",
    "long s": "chunked".replace("c", "\u0441").encode(),
    "empty": b"",
    "inner space": b"chun ked",
}
_UNREADABLE_CODINGS = {
    "vertical tab before": b"\x0bchunked",
    "form feed after": b"chunked\x0c",
    "NUL after": b"chunked\x00",
}
_NAMES = {
    "space before the colon": b"Transfer-Encoding : chunked",
    "tab before the colon": b"Transfer-Encoding\t: chunked",
    "space before the name": b" Transfer-Encoding: chunked",
    "space in the name": b"Transfer Encoding: chunked",
    "NUL in the name": b"Transfer\x00-Encoding: chunked",
    "control in the name": b"Transfer-\x01Encoding: chunked",
    "no colon": b"Transfer-Encoding chunked",
    "no name": b": chunked",
    "high byte in the name": b"Transfer-Encoding\xff: chunked",
    "slash in the name": b"X/Y: 1",
    "parenthesis in the name": b"X(Y): 1",
    "at sign in the name": b"X@Y: 1",
    "quote in the name": b'"X": 1',
    "CR before the colon": b"Transfer-Encoding\r: chunked",
}
_VALUES = {
    "folded with a space": b"X: a\r\n b",
    "folded with a tab": b"X: a\r\n\tb",
    "folded coding": b"Transfer-Encoding:\r\n chunked",
    "folded length": b"Content-Length:\r\n 5",
    "NUL": b"X: a\x00b",
    "bare CR": b"X: a\rb",
    "bare CR before a coding": b"X: a\rTransfer-Encoding: chunked",
    "bare LF": b"X: a\nb: c",
    "bare LF before a coding": b"X: a\nTransfer-Encoding: chunked",
    "CR CR LF": b"X: a\r",
    "escape": b"X: \x1b[2J",
    "DEL": b"X: \x7f",
    "backspace": b"X: \x08",
    "vertical tab": b"X: a\x0bb",
}
_LINES = {
    "no version": b"GET /",
    "version 0.9": b"GET / HTTP/0.9",
    "version 1.2": b"GET / HTTP/1.2",
    "version 2.0": b"GET / HTTP/2.0",
    "version 3": b"GET / HTTP/3",
    "version 1.10": b"GET / HTTP/1.10",
    "version 01.1": b"GET / HTTP/01.1",
    "version without a minor": b"GET / HTTP/1",
    "version with a letter": b"GET / HTTP/1.x",
    "version in small letters": b"GET / http/1.1",
    "version with a space": b"GET / HTTP/ 1.1",
    "version with text after it": b"GET / HTTP/1.1 x",
    "space after the version": b"GET / HTTP/1.1 ",
    "tab after the version": b"GET / HTTP/1.1\t",
    "two spaces before the target": b"GET  / HTTP/1.1",
    "two spaces after the target": b"GET /  HTTP/1.1",
    "tab after the target": b"GET /\tHTTP/1.1",
    "space in the target": b"GET /a b HTTP/1.1",
    "target with a fragment": b"GET /a#b HTTP/1.1",
    "target with a control": b"GET /a\x01b HTTP/1.1",
    "target with NUL": b"GET /a\x00b HTTP/1.1",
    "target with a raw byte": b"GET /\xff HTTP/1.1",
    "target with DEL": b"GET /\x7f HTTP/1.1",
    "target with bare CR": b"GET /a\rb HTTP/1.1",
    "very long method": b"A" * 40 + b" / HTTP/1.1",
}
_TARGETS = {
    "target without a slash": b"GET a HTTP/1.1",
    "asterisk of GET": b"GET * HTTP/1.1",
    "asterisk and more": b"OPTIONS *a HTTP/1.1",
    "authority form of GET": b"GET origin:80 HTTP/1.1",
    "absolute form without a host": b"GET http:///a HTTP/1.1",
    "absolute form with a user": b"GET http://user@origin/ HTTP/1.1",
    "absolute form, other scheme": b"GET ftp://origin/ HTTP/1.1",
    "absolute form with a bad port": b"GET http://origin:8a/ HTTP/1.1",
    "absolute form with a backslash": b"GET http://origin\\@evil/ HTTP/1.1",
    "connect with a path": b"CONNECT /a HTTP/1.1",
    "connect without a port": b"CONNECT origin HTTP/1.1",
    "connect with a scheme": b"CONNECT http://origin:80 HTTP/1.1",
}
_ODD_STARTS = {
    "space before the method": b" GET / HTTP/1.1",
    "tab before the method": b"\tGET / HTTP/1.1",
    "tab after the method": b"GET\t/ HTTP/1.1",
    "at sign in the method": b"G@T / HTTP/1.1",
    "colon in the method": b"GET: / HTTP/1.1",
    "NUL in the method": b"G\x00T / HTTP/1.1",
    "high byte in the method": b"G\xffT / HTTP/1.1",
    "only a target": b"/ HTTP/1.1",
    "only a version": b"HTTP/1.1",
    "bare CR in the method": b"G\rT / HTTP/1.1",
}
_HOSTS = {
    "two equal": b"Host: origin\r\nHost: origin\r\n",
    "two different": b"Host: origin\r\nHost: other\r\n",
    "list": b"Host: origin, other\r\n",
    "space inside": b"Host: ori gin\r\n",
    "path": b"Host: origin/x\r\n",
    "user": b"Host: user@origin\r\n",
    "query": b"Host: origin?x\r\n",
    "fragment": b"Host: origin#x\r\n",
    "bad port": b"Host: origin:8x\r\n",
    "long port": b"Host: origin:000080\r\n",
    "open bracket": b"Host: [::1\r\n",
    "words in brackets": b"Host: [origin]\r\n",
    "backslash": b"Host: a\\b\r\n",
    "raw byte": b"Host: \xff\r\n",
}
_UNREADABLE_HOSTS = {
    "folded": b"Host: origin\r\n other\r\n",
    "space before the colon": b"Host : origin\r\n",
    "control": b"Host: ori\x01gin\r\n",
}
_CHUNKS = {
    "size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size with plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "size with minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "size with a space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "size with underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "size empty": b"\r\nhello\r\n0\r\n\r\n",
    "size no number": b"g\r\nhello\r\n0\r\n\r\n",
    "size over 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size of 32 digits": b"0" * 31 + b"5\r\nhello\r\n0\r\n\r\n",
    "size ended by LF": b"5\nhello\r\n0\r\n\r\n",
    "size ended by CR": b"5\rhello\r\n0\r\n\r\n",
    "size with a CR before CRLF": b"5\r\r\nhello\r\n0\r\n\r\n",
    "data ended by LF": b"5\r\nhello\n0\r\n\r\n",
    "data ended by nothing": b"5\r\nhello0\r\n\r\n",
    "data too long": b"5\r\nhello!\r\n0\r\n\r\n",
    "data too short": b"6\r\nhello\r\n0\r\n\r\n",
    "last chunk ended by LF": b"5\r\nhello\r\n0\n\n",
    "extension with LF": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension with CR": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension with NUL": b"5;a\x00\r\nhello\r\n0\r\n\r\n",
    "extension without a name": b"5;\r\nhello\r\n0\r\n\r\n",
    "extension with open quotes": b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "extension of great length": b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    "comment after the size": b"5 (five)\r\nhello\r\n0\r\n\r\n",
}
_TRAILERS = {
    "trailer with framing": b"0\r\nContent-Length: 40\r\n\r\n",
    "trailer with a coding": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "trailer with a host": b"0\r\nHost: other\r\n\r\n",
    "trailer with credentials": b"0\r\nAuthorization: x\r\n\r\n",
    "trailer folded": b"0\r\nX: a\r\n b\r\n\r\n",
    "trailer with a bare LF": b"0\r\nX: a\nY: b\r\n\r\n",
    "trailer with a space before the colon": b"0\r\nX : a\r\n\r\n",
    "trailer with a request": b"0\r\n" + _HIDDEN,
}
_LENGTH = b"Content-Length: 5"
_FRAMINGS = {
    "bad-framing": {
        "length, then coding": _post(b"Content-Length: 40", _CHUNKED, body=b"0\r\n\r\n" + _HIDDEN),
        "coding, then length": _post(_CHUNKED, b"Content-Length: 4", body=b"0\r\n\r\n" + _HIDDEN),
        "coding in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: origin\r\n" + _CHUNKED + b"\r\n\r\n" + _BODY,
        "coding of GET with a length": _get(_CHUNKED, b"Content-Length: 5") + _BODY,
    },
    "bad-transfer-encoding": {
        "length and gzip": _post(_LENGTH, b"Transfer-Encoding: gzip", body=b"hello"),
        "two codings": _post(_CHUNKED, b"Transfer-Encoding: identity", body=_BODY),
        "two equal codings": _post(_CHUNKED, _CHUNKED, body=_BODY),
    },
    "bad-content-length": {
        "two equal lengths": _post(_LENGTH, _LENGTH, body=b"hello"),
        "two lengths": _post(b"Content-Length: 5", b"Content-Length: 40", body=b"hello" + _HIDDEN),
        "two lengths, one in capitals": _post(b"Content-Length: 5", b"CONTENT-LENGTH: 6", body=b"hello!"),
        "length named by Connection": _post(b"Content-Length: 5", b"Connection: content-length", b"Content-Length: 6"),
    },
    "bad-head": {
        "head of bare LF": b"GET / HTTP/1.1\nHost: origin\n\n",
        "blank line of bare LF": b"GET / HTTP/1.1\r\nHost: origin\r\n\n" + _HIDDEN,
        "blank line of LF CR LF": b"GET / HTTP/1.1\nHost: origin\r\n\r\n",
        "first line ended by CR": b"GET / HTTP/1.1\rHost: origin\r\n\r\n",
        "white space after the first line": b"GET / HTTP/1.1\r\n Host: origin\r\n\r\n",
    },
    "target-too-long": {
        "very long target": _get(line=b"GET /" + b"a" * 9000 + b" HTTP/1.1"),
        "very long line without an end": b"GET /" + b"a" * 40_000,
    },
    "head-too-long": {
        "very long field": _get(b"X: " + b"a" * 40_000),
        "very many fields": _get(*[b"X%d: 1" % number for number in range(6000)]),
    },
}


def _refused(group: str, error: str, cases: Mapping[str, bytes], make: Callable[[bytes], bytes]) -> dict[str, Refused]:
    return {f"{group} {name}": Refused(make(part), error, _STATUSES.get(error, 400)) for name, part in cases.items()}


def _with_length(value: bytes) -> bytes:
    return _post(b"Content-Length: " + value, body=b"hello")


def _with_coding(value: bytes) -> bytes:
    return _post(b"Transfer-Encoding: " + value, body=_BODY)


def _with_field(line: bytes) -> bytes:
    return _post(_LENGTH, line, body=b"hello")


def _with_line(line: bytes) -> bytes:
    return _get(line=line)


def _with_host(lines: bytes) -> bytes:
    return _get(host=lines)


_STATUSES = {"target-too-long": 414, "head-too-long": 431}
REFUSED: dict[str, Refused] = {
    **_refused("length", "bad-content-length", _LENGTHS, _with_length),
    **_refused("length", "bad-head", _UNREADABLE_LENGTHS, _with_length),
    **_refused("coding", "bad-transfer-encoding", _CODINGS, _with_coding),
    **_refused("coding", "bad-head", _UNREADABLE_CODINGS, _with_coding),
    **_refused("name", "bad-head", _NAMES, _with_field),
    **_refused("value", "bad-head", _VALUES, _with_field),
    **_refused("line", "bad-head", _LINES, _with_line),
    **_refused("line", "bad-target", _TARGETS, _with_line),
    **_refused("start", "bad-head", _ODD_STARTS, _with_line),
    **_refused("host", "bad-host", _HOSTS, _with_host),
    **_refused("host", "bad-head", _UNREADABLE_HOSTS, _with_host),
    **_refused("host", "no-host", {"none": b""}, _with_host),
}
for _error, _cases in _FRAMINGS.items():
    REFUSED |= _refused("framing", _error, _cases, bytes)
# Refused after the head has gone on: the origin gets an unfinished request, never a finished one.
BROKEN: dict[str, Refused] = {
    **_refused("chunk", "bad-chunk", _CHUNKS, _chunks),
    **_refused("chunk", "bad-trailers", _TRAILERS, _chunks),
}

ACCEPTED: dict[str, Accepted] = {
    "plain": Accepted(_get()),
    "empty lines before it": Accepted(b"\r\n\r\n" + _get()),
    "own method": Accepted(_get(line=b"PURGE-ALL! / HTTP/1.1"), b"PURGE-ALL!"),
    "small letters are another method": Accepted(_get(line=b"get / HTTP/1.1"), b"get"),
    "every character of a target": Accepted(
        _get(line=b"GET /!$&'()*+,;=:@-._~%00?a=b&c[]{}|^`<>\"\\ HTTP/1.1"),
        target=b"/!$&'()*+,;=:@-._~%00?a=b&c[]{}|^`<>\"\\",
    ),
    "double slash": Accepted(_get(line=b"GET //origin/.. HTTP/1.1"), target=b"//origin/.."),
    "asterisk of OPTIONS": Accepted(_get(line=b"OPTIONS * HTTP/1.1"), b"OPTIONS", b"*"),
    "absolute form": Accepted(_get(line=b"GET http://origin/a?b HTTP/1.1"), target=b"/a?b"),
    "absolute form without a path": Accepted(_get(line=b"GET http://origin HTTP/1.1")),
    "absolute form beside another Host": Accepted(
        _get(line=b"GET http://origin/a HTTP/1.1", host=b"Host: other\r\n"), target=b"/a"
    ),
    "empty Host": Accepted(_get(host=b"Host:\r\n")),
    "Host of IPv6": Accepted(_get(host=b"Host: [::1]:8080\r\n")),
    "Host in capitals": Accepted(_get(host=b"HOST: origin\r\n")),
    "no space after the colon": Accepted(_get(b"X:1")),
    "much space around a value": Accepted(_get(b"X: \t 1 \t ")),
    "empty value": Accepted(_get(b"X:")),
    "raw bytes in a value": Accepted(_get(b"X: \x80\xff")),
    "every character of a name": Accepted(_get(b"!#$%&'*+-.^_`|~09azAZ: 1")),
    "length": Accepted(_post(_LENGTH, body=b"hello"), b"POST", body=b"hello"),
    "length with space around": Accepted(_post(b"Content-Length: \t5 ", body=b"hello"), b"POST", body=b"hello"),
    "length with zeros before": Accepted(_post(b"Content-Length: 0005", body=b"hello"), b"POST", body=b"hello"),
    "length of GET": Accepted(_get(_LENGTH) + b"hello", body=b"hello"),
    "length zero": Accepted(_post(b"Content-Length: 0"), b"POST"),
    "no length of POST": Accepted(_post(), b"POST"),
    "length in a body": Accepted(
        _post(b"Content-Length: 19", body=b"Content-Length: 40\n"), b"POST", body=b"Content-Length: 40\n"
    ),
    "a request in a body": Accepted(_post(b"Content-Length: %d" % len(_HIDDEN), body=_HIDDEN), b"POST", body=_HIDDEN),
    "chunked": Accepted(_chunks(_BODY), b"POST", body=b"hello"),
    "chunked in capitals": Accepted(_post(b"TRANSFER-ENCODING: CHUNKED", body=_BODY), b"POST", body=b"hello"),
    "chunked with space around": Accepted(
        _post(b"Transfer-Encoding: \t chunked \t", body=_BODY), b"POST", body=b"hello"
    ),
    "chunked of GET": Accepted(_get(_CHUNKED) + _BODY, body=b"hello"),
    "chunked, empty": Accepted(_chunks(b"0\r\n\r\n"), b"POST"),
    "chunks of many sizes": Accepted(
        _chunks(b"1\r\na\r\n00a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n"),
        b"POST",
        body=b"a01234567890123456789",
    ),
    "chunk with extensions": Accepted(_chunks(b'5;a;b=c;d="e;f"\r\nhello\r\n0;x=y\r\n\r\n'), b"POST", body=b"hello"),
    "chunk of what looks like chunks": Accepted(
        _chunks(b"7\r\n0\r\n\r\nx\n\r\n0\r\n\r\n"), b"POST", body=b"0\r\n\r\nx\n"
    ),
    "trailers": Accepted(_chunks(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nY: \r\n\r\n"), b"POST", body=b"hello"),
    "fields that only look like framing": Accepted(
        _get(b"X-Content-Length: 9", b"Content-Length-X: 9", b"Transfer-Encodings: chunked")
    ),
    "hop-by-hop fields": Accepted(_get(b"Connection: close, x-gone", b"X-Gone: 1", b"TE: trailers", b"Keep-Alive: 1")),
    "upgrade to h2c is not taken up": Accepted(
        _get(b"Connection: upgrade, http2-settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
    ),
    "HTTP/1.0": Accepted(b"GET / HTTP/1.0\r\n\r\n"),
    "HTTP/1.0 kept": Accepted(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
    "HTTP/1.0 with a length": Accepted(b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", b"POST", body=b"hello"),
    "expectation": Accepted(_post(b"Expect: 100-continue", _LENGTH, body=b"hello"), b"POST", body=b"hello"),
}

# What an application may not answer: the client gets 502, or a cut that it can tell from an end.
ANSWERS: dict[str, bytes] = {
    "length and coding": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + _BODY,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    "coding twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" + _BODY,
    "coding in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + _BODY,
    "coding of 204": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "bare CR in a value": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 5\r\n\r\nhello",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
    "no name": b"HTTP/1.1 200 OK\r\n: 5\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status 000": b"HTTP/1.1 000 OK\r\nContent-Length: 5\r\n\r\nhello",
    "version 2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "version 1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no version": b"200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/0.9": b"<html>hello</html>",
    "a request": _HIDDEN,
    "switch that nobody asked for": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
    "head of great length": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\nContent-Length: 5\r\n\r\nhello",
    "garbage": bytes(range(256)) * 40,
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "less than the length": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
    "chunks without an end": b"HTTP/1.1 200 OK\r\n" + _CHUNKED + b"\r\n\r\n5\r\nhello\r\n",
    "chunk with a bad size": b"HTTP/1.1 200 OK\r\n" + _CHUNKED + b"\r\n\r\n5\r\nhello\r\nzz\r\n",
    "chunk that is too long": b"HTTP/1.1 200 OK\r\n" + _CHUNKED + b"\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
}
