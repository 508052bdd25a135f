"""Detection: the same answer however slowly the bytes come, and real ClientHellos."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sidecar.engine.detect import MESH_ALPN, PEEK, Kind, conclude, detect


def hello(sni: str | None = None, alpn: list[str] | None = None) -> bytes:
    """Return the ClientHello that OpenSSL sends."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=sni)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Kind.HTTP1),
        (b"PROPFIND /x HTTP/1.1\r\n", Kind.HTTP1),
        (b"\r\nGET / HTTP/1.0\r\n", Kind.HTTP1),
        (b"GET / HTTP/1.1\nHost: a\n\n", Kind.HTTP1),  # wrong, and so for the strict parser
        (b"GET / HTTP/9.9\r\n", Kind.HTTP1),
        (b"GET /\r\n", Kind.HTTP1),
        (b"GET /" + b"a" * 9000, Kind.HTTP1),
        (b" GET / HTTP/1.1\r\n", Kind.HTTP1),  # methods that are none: for the strict parser, too
        (b"GET\t/ HTTP/1.1\r\n", Kind.HTTP1),
        (b"G@T / HTTP/1.1\r\n", Kind.HTTP1),
        (b"G\x00T / HTTP/1.1\r\n", Kind.HTTP1),
        (b"G\rT / HTTP/1.1\r\n", Kind.HTTP1),
        (b"G\xff", Kind.MORE),
        (b"G\xff\xff", Kind.OPAQUE),  # no method with a slip in it, however the line goes on
        (b"G\xff\xffT / HTTP/1.1\r\n", Kind.OPAQUE),
        (b"AMQP\x00\x00\x09\x01", Kind.OPAQUE),  # whose server is waited for
        (b"\x00 HTTP/1.1\r\n", Kind.OPAQUE),
        (b"\r\n" * (PEEK // 2), Kind.OPAQUE),  # nothing is said in as much as is looked at
        (b"\r\n" * (PEEK // 2 - 8) + b"GET /a HTTP/1.1\r", Kind.HTTP1),
        (b"x" * 9000 + b" HTTP/1.1\r\n", Kind.OPAQUE),
        (b"A" * 40 + b" / HTTP/1.1\r\n", Kind.HTTP1),
        (b"/ HTTP/1.1\r\n", Kind.HTTP1),
        (b" GET / HT", Kind.MORE),
        (b"GET key\r\n", Kind.OPAQUE),  # Redis, inline
        (b"*1\r\n$4\r\nPING\r\n", Kind.OPAQUE),
        (b"get key\r\n", Kind.OPAQUE),
        (b"\x00\x00\x00\x08\x04\xd2\x16/", Kind.OPAQUE),  # PostgreSQL asks for TLS
        (b"SSH-2.0-OpenSSH_9.2\r\n", Kind.OPAQUE),
        (b"EHLO a\r\n", Kind.OPAQUE),
        (PREFACE, Kind.HTTP2),
        (PREFACE + b"\0\0\0", Kind.HTTP2),
        (PREFACE[:-1], Kind.MORE),
        (b"P", Kind.MORE),
        (b"PRI * HTTP/2.0\r\n\r\nXX", Kind.HTTP1),
        (b"G", Kind.MORE),
        (b"GET / HT", Kind.MORE),
        (b"\r", Kind.MORE),
        (b"", Kind.MORE),
        (b"\x16", Kind.MORE),
        (b"\x16\x03\x01\x00\x05hello", Kind.OPAQUE),
        (b"\x16\x05\x01\x00\x05", Kind.OPAQUE),
        (b"\x16\x03\x01\x00\x00", Kind.OPAQUE),
        (b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc" + b"x" * PEEK, Kind.OPAQUE),
    ],
)
def test_kinds(data: bytes, kind: Kind) -> None:
    assert detect(data).kind is kind


def test_foreign_tls_with_its_name() -> None:
    found = detect(hello("example.com", ["h2", "http/1.1"]))
    assert found.kind is Kind.TLS
    assert found.hello.sni == "example.com"
    assert found.hello.alpn == (b"h2", b"http/1.1")
    assert detect(hello()).hello.sni == ""
    assert detect(hello("Example.COM")).hello.sni == "example.com"
    assert detect(hello("example.com").replace(b"example.com", b'exam"le\ncom')).hello.sni == ""


def test_the_meshs_own_tls() -> None:
    assert detect(hello(None, [MESH_ALPN.decode()])).kind is Kind.MESH


def test_a_hello_in_pieces_and_in_records() -> None:
    whole = hello("example.com", [MESH_ALPN.decode()])
    for at in range(1, len(whole)):
        assert detect(whole[:at]).kind is Kind.MORE
    body = whole[5:]
    for size in (1, 100):
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        data = b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in parts)
        assert detect(data).hello.sni == "example.com"


def test_a_hello_without_end_is_tls() -> None:
    assert detect(b"\x16\x03\x01\x41\x00\x01\x00\x7f\xf0" + b"x" * PEEK).kind is Kind.TLS


@given(st.binary(max_size=200))
def test_noise_never_hurts(data: bytes) -> None:
    detect(data)
    detect(b"\x16\x03\x01\x00" + bytes([len(data)]) + b"\x01\x00\x00" + bytes([max(0, len(data) - 4)]) + data)


WORDS = [
    b"GET",
    b"POST",
    b"G",
    b"/",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"HTTP/1.1",
    b"HTTP/",
    b"1",
    b"\x00",
    b"\xff",
    b"a",
    PREFACE,
]
RECORDS = [b"\x16\x03\x01", b"\x16", b"\x03", b"\x00\x05", b"\x01\x00\x00\x04", b"\x01", b"\x00", b"\x00" * 34, b"\xff"]


@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=2), max_size=12) | st.lists(st.sampled_from(RECORDS)))
def test_what_is_decided_stays_decided(parts: list[bytes]) -> None:
    data = b"".join(parts)
    known = Kind.MORE
    for at in range(1, len(data) + 1):
        kind = detect(data[:at]).kind
        assert known is Kind.MORE or kind is known, data[:at]
        known = kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GET /", Kind.HTTP1),
        (b"\r\nPOST /x HTTP/1.1", Kind.HTTP1),
        (PREFACE[:-1], Kind.HTTP2),
        (b"PRI ", Kind.HTTP2),
        (b"GET ke", Kind.OPAQUE),
        (b"Ge", Kind.OPAQUE),
        (b"\x16\x03", Kind.OPAQUE),
        (b"", Kind.OPAQUE),
    ],
)
def test_who_has_begun_a_request_is_held_to_it_however_slow(data: bytes, kind: Kind) -> None:
    assert conclude(data).kind is kind
