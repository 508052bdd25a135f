"""Opaque connections: bytes both ways, half-close, back-pressure, another endpoint when one is away."""

from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.engine.stack import Stack
from agents.sidecar.host.hopstream import UncarriedError
from agents.sidecar.host.host import Host
from agents.sidecar.host.opaque import Splice
from agents.sidecar.state.cells import TcpCell
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import TLS_NONE, TLS_OPAQUE, Peer
from tests.support.playbook import ME, SERVICE, Clock, Dials, Side, endpoints, make_runtime


class Book:
    """One opaque connection."""

    def __init__(self, target: EndpointSet | None = None, tls: bool = False) -> None:
        self.runtime = make_runtime()
        self.clock = Clock()
        self.dials = Dials(self.clock)
        self.dials.manual = True
        self.host = Host(self.runtime, self.clock, self.dials, lambda: 0.0)  # type: ignore[arg-type]
        self.target = target
        if target is None:
            endpoint = Endpoint("127.0.0.1", 5432, peer=ME, service=SERVICE)
            self.door = Door(INBOUND, Stack(), port=5432, service=SERVICE, endpoint=endpoint)
            link = self.door.link(Peer(tls=TLS_OPAQUE if tls else TLS_NONE))
        else:
            self.door = Door(OUTBOUND, Stack(), service=SERVICE, target=target)
            link = None
        self.client = Side(Splice(self.host, self.door, link, target, tls).near)
        self.client.protocol.connection_made(self.client)

    def connect(self) -> Side:
        side = self.dials.sides[-1]
        side.protocol.connection_made(side)
        return side

    def cell(self) -> TcpCell:
        (edge,) = self.runtime.counters.all()
        return edge.tcp


def test_bytes_both_ways_counted_from_the_peers_side() -> None:
    book = Book()
    book.client >> b"early"
    server = book.connect()
    server << b"early"
    server >> b"reply"
    book.client << b"reply"
    book.client >> b"more"
    server << b"more"
    cell = book.cell()
    assert (cell.opened, cell.open, cell.read_bytes, cell.written_bytes) == (1, 1, 9, 5)
    book.client.hang_up()
    assert server.eof
    assert not book.client.closed
    server >> b"last"
    book.client << b"last"
    server.lose()
    assert book.client.closed
    assert (cell.closed, cell.open) == (1, 0)
    assert not book.host.open


def test_a_server_may_speak_first_and_close_first() -> None:
    book = Book()
    server = book.connect()
    server >> b"220 hello\r\n"
    book.client << b"220 hello\r\n"
    server.hang_up()
    assert book.client.eof
    book.client >> b"bye"
    server << b"bye"


def test_when_both_sides_have_said_their_last_word_nothing_stays_open() -> None:
    book = Book()
    book.client >> b"question"
    book.client.hang_up()
    server = book.connect()
    server >> b"answer"
    server.hang_up()
    book.client << b"answer"
    assert book.client.eof
    assert server.closed
    assert book.client.closed
    assert book.cell().open == 0
    assert not book.host.open


def test_a_client_that_closes_its_side_before_there_is_a_server() -> None:
    book = Book()
    book.client >> b"question"
    book.client.hang_up()
    server = book.connect()
    server << b"question"
    assert server.eof


def test_back_pressure() -> None:
    book = Book()
    server = book.connect()
    server.protocol.pause_writing()
    assert book.client.paused
    server.protocol.resume_writing()
    assert not book.client.paused
    book.client.protocol.pause_writing()
    assert server.paused


def test_what_comes_before_the_server_is_bounded() -> None:
    book = Book()
    book.client >> b"x" * 300_000
    assert book.client.paused
    server = book.connect()
    assert not book.client.paused
    assert len(server.received) == 300_000


def test_resets_are_passed_on_and_counted() -> None:
    book = Book()
    server = book.connect()
    server.lose(ConnectionResetError(104, "reset"))
    assert book.client.aborted
    assert book.cell().errors == {"ECONNRESET": 1}


def test_going_out_counts_what_the_server_says_as_read() -> None:
    target = endpoints("10.0.0.1:80")
    book = Book(target)
    server = book.connect()
    server >> b"abc"
    book.client >> b"d"
    cell = book.cell()
    assert (cell.read_bytes, cell.written_bytes) == (3, 1)
    assert target.endpoints[0].inflight == 1
    server.lose()
    assert target.endpoints[0].inflight == 0
    assert target.endpoints[0].stamp > 0


def test_an_endpoint_that_is_away_is_replaced() -> None:
    target = endpoints("10.0.0.1:80", "10.0.0.2:80")
    book = Book(target)
    book.dials.refusing.add(target.endpoints[0])
    first = book.dials.opened[0][0]
    book.dials.sides[-1].protocol.connection_lost(ConnectionRefusedError())
    assert book.dials.opened[-1][0] is not first
    server = book.connect()
    server >> b"hello"
    book.client << b"hello"
    assert sum(endpoint.inflight for endpoint in target.endpoints) == 1


def test_what_a_stream_of_the_hop_was_not_carried_is_said_to_another_endpoint() -> None:
    target = endpoints("10.0.0.1:80", "10.0.0.2:80")
    book = Book(target)
    first = book.dials.opened[0][0]
    server = book.connect()
    book.client >> b"hello"
    server << b"hello"
    book.client.hang_up()
    server.lose(UncarriedError("connect-refused", b"hello", True))
    assert book.dials.opened[-1][0] is not first
    other = book.connect()
    other << b"hello"
    assert other.eof
    other >> b"bye"
    book.client << b"bye"
    assert sum(endpoint.inflight for endpoint in target.endpoints) == 1


def test_nobody_there() -> None:
    target = EndpointSet("emoji.default")
    book = Book(target)
    assert not book.client.closed
    book.clock.advance(3.1)
    assert book.client.aborted
    missing = EndpointSet("emoji.default")
    missing.exists = False
    assert Book(missing).client.aborted


def test_foreign_tls_is_counted_as_such() -> None:
    target = endpoints("10.0.0.1:443")
    target.endpoints[0].link.peer = Peer(name="x", tls=TLS_NONE, no_tls_reason="not_provided_by_service_discovery")  # type: ignore[misc]
    book = Book(target, tls=True)
    book.connect()
    (edge,) = book.runtime.counters.all()
    assert (edge.tls, edge.no_tls_reason) == (TLS_OPAQUE, "")


def test_a_connection_that_comes_too_late_is_closed() -> None:
    book = Book()
    book.client.lose()
    late = book.connect()
    assert late.aborted


def test_a_client_that_leaves_while_nobody_is_there_is_forgotten() -> None:
    target = EndpointSet("emoji.default")
    book = Book(target)
    assert target._waiters
    book.client.lose(ConnectionResetError())
    assert not target._waiters
    assert not book.host.open


def test_a_dial_that_runs_out_of_time_just_as_it_is_made_is_one_loss() -> None:
    """The dialer tells of it, and many loops do, too."""
    book = Book(endpoints("10.0.0.1:80", "10.0.0.2:80"))
    gone = book.dials.sides[-1].protocol
    gone.connection_lost(TimeoutError("connect-timeout"))
    server = book.connect()
    gone.connection_lost(None)
    book.client >> b"hello"
    server << b"hello"
    assert not book.client.closed
