"""The proxy port: CONNECT opens a tunnel, and what is said in it is detected as on any other port."""

import asyncio
from typing import Any

import pytest

from agents.sidecar.engine.exchange import OUTBOUND
from agents.sidecar.host.downstream import Downstream
from agents.sidecar.host.opaque import End
from agents.sidecar.host.serve import Makers, Tunnelling, stream
from agents.sidecar.state.doors import Door
from agents.sidecar.state.peers import Link, Peer, ServiceKey
from tests.support.playbook import ME, Playbook, Side, endpoints

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
CONNECT = b"CONNECT emoji.default:8080 HTTP/1.1\r\nHost: emoji.default:8080\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: emoji.default:8080\r\n\r\n"


class Http2(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.write(b"settings")

    def data_received(self, data: bytes) -> None:
        self.received = data


def http2(door: Door, client: Peer, link: Link | None) -> asyncio.Protocol:
    return Http2()


def hop(door: Door) -> asyncio.Protocol:
    raise AssertionError("nobody speaks the mesh's TLS here")


class Book(Playbook):
    """A client of the proxy port."""

    def __init__(self) -> None:
        super().__init__(endpoints("10.0.0.1:80", target="emoji.default:8080"))
        target = self.door.target
        assert target is not None
        self.runtime.directory.sets[target.target] = target
        self.proxy = Door(OUTBOUND, self.door.stack, service=ServiceKey())
        self.client = Side(Tunnelling(self.host, Makers(http2, hop), self.proxy, ME))
        self.client.protocol.connection_made(self.client)


@pytest.fixture
def book() -> Book:
    return Book()


def test_absolute_form(book: Book) -> None:
    book.client >> b"GET http://emoji.default:8080/a HTTP/1.1\r\nHost: x\r\nProxy-Connection: keep-alive\r\n\r\n"
    book.server() << b"GET /a HTTP/1.1\r\nHost: emoji.default:8080\r\n\r\n"


def test_host_alone(book: Book) -> None:
    book.client >> GET
    book.server() << GET


def test_http1_in_a_tunnel_is_http1(book: Book) -> None:
    book.client >> CONNECT
    book.client << ESTABLISHED
    book.client >> GET[:3]
    assert not book.dials.sides
    book.client >> GET[3:]
    book.server() << GET
    assert book.dials.opened[0][1] == b"http/1.1"


def test_what_comes_with_the_connect_is_not_lost(book: Book) -> None:
    book.client >> CONNECT + GET
    book.server() << GET


def test_http2_in_a_tunnel_is_http2(book: Book) -> None:
    book.client >> CONNECT
    book.client << ESTABLISHED
    book.client >> b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    assert isinstance(book.client.protocol, Http2)
    assert book.client.protocol.received.startswith(b"PRI")
    book.client << b"settings"


def test_anything_else_is_opaque(book: Book) -> None:
    book.client >> CONNECT
    book.client >> b"*1 hello\r\n"
    book.server() << b"*1 hello\r\n"
    assert book.dials.opened[0][1] == b"tcp"
    book.client.hang_up()
    assert book.server().eof


def test_a_silent_client_waits_for_the_server(book: Book) -> None:
    book.client >> CONNECT
    assert not book.dials.sides
    book.clock.advance(10.1)
    book.server() >> b"220 ready\r\n"
    book.client << ESTABLISHED + b"220 ready\r\n"


def test_a_client_that_leaves_before_a_word(book: Book) -> None:
    book.client >> CONNECT
    book.client.hang_up()
    book.clock.advance(11)
    assert not book.dials.sides


@pytest.mark.parametrize("said", [b"G", b"\x16\x03\x01"])
def test_a_few_bytes_that_are_all_a_client_says_are_heard(book: Book, said: bytes) -> None:
    book.client >> CONNECT
    book.client >> said
    book.client.hang_up()
    server = book.server() << said
    assert server.eof
    server >> b"bye"
    book.client << ESTABLISHED + b"bye"


def test_nothing_that_could_be_dialled(book: Book) -> None:
    book.client >> b"CONNECT a:99999 HTTP/1.1\r\nHost: a\r\n\r\n"
    assert book.client.received.startswith(b"HTTP/1.1 502 Bad Gateway\r\nmeshtui-error: bad-authority")
    assert book.client.closed


def test_streams_of_the_mesh_hop() -> None:
    book = Playbook()
    client = Peer(identity="spiffe://local/ns/n/sa/a")
    assert isinstance(stream(book.host, book.door, client, b"http/1.1"), Downstream)
    assert isinstance(stream(book.host, book.door, client, b"tcp"), End)
    assert stream(book.host, book.door, client, b"websocket") is None
    assert client in book.door.links


def test_a_tunnel_takes_nothing_along_of_what_waited_before_it(book: Book) -> None:
    book.client.protocol.pause_writing()
    book.client.protocol.stuck = 5000  # as a socket's backlog says
    book.runtime.bounds.waiting += 5000
    book.client >> CONNECT
    book.client.protocol.resume_writing()
    assert book.runtime.bounds.waiting == 0
