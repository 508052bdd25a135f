"""Two connections back to back, and one against the `h2` package."""

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import CLIENT, SERVER, Connection
from agents.sidecar.engine.http2.limits import APPLICATION, HOP, UPSTREAM, Limits
from agents.sidecar.engine.http2.stream import Stream
from tests.support.http2 import REQUEST, Ear, Pair, head, plain

OK = [(b":status", b"200", False), (b"content-type", b"application/grpc", False)]
STATUS = [(b"grpc-status", b"0", False)]


def test_request_and_reply_cross_a_pair() -> None:
    pair = Pair()
    stream = pair.open(REQUEST)
    stream.send_data(b"hello", True)
    pair.exchange()
    (served,) = pair.served.streams
    assert pair.served.events == [
        ("stream", 1, plain(REQUEST), False),
        ("data", 1, b"hello", True),
    ]
    served.send_headers(OK)
    served.send_data(b"world")
    served.send_trailers(STATUS)
    pair.exchange()
    assert pair.asked.events[-3:] == [
        ("headers", 1, plain(OK), False),
        ("data", 1, b"world", False),
        ("trailers", 1, plain(STATUS)),
    ]
    assert not pair.client.streams
    assert not pair.server.streams


def test_informational_heads_come_before_the_reply() -> None:
    pair = Pair()
    pair.open(REQUEST, True)
    pair.exchange()
    (served,) = pair.served.streams
    served.send_headers([(b":status", b"103", False)])
    served.send_headers([(b":status", b"204", False)], True)
    pair.exchange()
    assert [event[2][0] for event in pair.asked.events] == [(b":status", b"103"), (b":status", b"204")]


def test_data_waits_for_the_window_and_goes_on_in_turns() -> None:
    limits = Limits(stream_window=100_000, connection_window=150_000)
    pair = Pair(server=limits)
    pair.exchange()
    first, second = pair.open(REQUEST), pair.open(REQUEST)
    assert not first.send_data(b"a" * 200_000)
    assert not second.send_data(b"b" * 200_000, True)
    pair.exchange()
    assert pair.served.bodies[1] + pair.served.bodies[3] == b"a" * 100_000 + b"b" * 50_000
    one, two = pair.served.streams
    for _ in range(20):
        for stream in (one, two):
            stream.consumed(stream.read_bytes - stream.taken)
        pair.exchange()
    assert pair.served.bodies == {1: b"a" * 200_000, 3: b"b" * 200_000}
    assert ("drained", 1) in pair.asked.events
    assert second.local_closed


def test_what_is_taken_in_at_once_opens_the_windows_again() -> None:
    pair = Pair(server=Limits(stream_window=100_000, connection_window=150_000))
    pair.exchange()
    pair.served.eager = True
    streams = [pair.open(REQUEST) for _ in range(2)]
    for stream in streams:
        stream.send_data(b"a" * 400_000, True)
    for _ in range(20):
        pair.exchange()
    assert {number: len(body) for number, body in pair.served.bodies.items()} == {1: 400_000, 3: 400_000}
    assert pair.server.read_total == 800_000
    assert pair.server.read_allowed + pair.server.credit == 150_000 + 800_000


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("eager", [False, True])
def test_data_whose_stream_is_reset_by_its_sink_is_given_back_once(eager: bool, end: bool) -> None:
    class Resetting(Ear):
        def on_data(self, stream: Stream, data: bytes, end: bool) -> bool:
            stream.reset(wire.CANCEL)
            return eager

    pair = Pair()
    pair.exchange()
    stream = pair.open(REQUEST)
    stream.send_data(b"kept")
    pair.exchange()
    pair.served.streams[0].sink = Resetting()
    stream.send_data(b"reset", end)
    pair.exchange()
    assert pair.server.credit == len(b"kept" + b"reset")


def test_the_reserved_bit_of_a_new_stream_means_nothing() -> None:
    pair = Pair()
    pair.open(REQUEST)
    pair.exchange()
    pair.server.receive(wire.frame(wire.HEADERS, 5, 1 << 31 | 3, b"\x83\x86\x84\x01\x03a:1"))
    assert [stream.id for stream in pair.served.streams] == [1, 3]


def test_a_client_opens_no_stream_of_even_number() -> None:
    pair = Pair()
    pair.open(REQUEST)
    pair.exchange()
    pair.server.receive(wire.frame(wire.HEADERS, 5, 2, b"\x83\x86\x84\x01\x03a:1"))
    assert pair.server.closed
    assert [stream.id for stream in pair.served.streams] == [1]


def test_trailers_follow_waiting_data() -> None:
    pair = Pair(client=Limits(stream_window=10))
    pair.open(REQUEST, True)
    pair.exchange()
    (served,) = pair.served.streams
    served.send_headers(OK)
    assert not served.send_data(b"x" * 25)
    served.send_trailers(STATUS)
    for stream in list(pair.client.streams.values()):
        for _ in range(5):
            pair.exchange()
            stream.consumed(stream.read_bytes - stream.taken)
    pair.exchange()
    assert pair.asked.bodies[1] == b"x" * 25
    assert pair.asked.events[-1][0] == "trailers"


def test_a_blocked_transport_holds_data_back_but_not_heads() -> None:
    pair = Pair()
    pair.exchange()
    pair.client.block()
    stream = pair.open(REQUEST)
    assert not stream.send_data(b"late", True)
    pair.exchange()
    assert pair.served.bodies == {}
    assert len(pair.served.streams) == 1
    pair.client.unblock()
    pair.exchange()
    assert pair.served.bodies == {1: b"late"}


def test_a_reset_gives_the_connection_its_window_back() -> None:
    pair = Pair(server=Limits(connection_window=100_000, stream_window=100_000))
    pair.exchange()
    for _ in range(5):
        stream = pair.open(REQUEST)
        stream.send_data(b"z" * 60_000)
        pair.exchange()
        pair.served.streams[-1].reset(wire.CANCEL)
        pair.exchange()
    assert pair.asked.events.count(("reset", 9, wire.CANCEL)) == 1
    assert pair.server.read_allowed + pair.server.credit - pair.server.read_total == 100_000


def test_a_request_that_is_reset_at_once_is_never_told() -> None:
    pair = Pair()
    pair.exchange()
    for turn in range(5):
        pair.open(REQUEST, True)  # the table knows it from the second on
        dead = pair.open(REQUEST)
        dead.send_data(bytes(9))
        late = pair.open([*REQUEST, (b"x", b"%d" % turn, False)])
        late.send_data(b"some")
        late.send_trailers(head((b"t", b"1")))
        before = pair.client.window
        for stream in (dead, late):
            stream.reset(wire.CANCEL)
        data = pair.client.take_output()
        assert pair.client.window == before + 13
        pair.server.receive(data)
    heard = [event[1] for event in pair.served.events if event[0] == "stream"]
    reset = [event[1:] for event in pair.served.events if event[0] == "reset"]
    # Those that put something into the table on the way cannot be taken back: theirs are the first few.
    assert set(heard) >= {1, 7, 13, 19, 25}
    assert reset == [(number, wire.CANCEL) for number in sorted(set(heard) - {1, 7, 13, 19, 25})]
    assert len(reset) <= 2
    assert not any(event[0] in ("data", "failure") for event in pair.served.events)
    last = pair.open(REQUEST, True)
    pair.exchange()
    assert pair.served.events[-1] == ("stream", last.id, plain(REQUEST), True)


def test_what_waits_goes_on_when_a_window_is_given_back() -> None:
    pair = Pair()
    pair.exchange()
    for _ in range(2):
        pair.open(REQUEST).reset(wire.CANCEL)
        pair.exchange()
    pair.client.window = 10
    dead, waits = pair.open(REQUEST), pair.open(REQUEST)
    dead.send_data(bytes(8))
    waits.send_data(b"twelve bytes")
    dead.reset(wire.CANCEL)
    pair.exchange()
    assert pair.served.bodies == {waits.id: b"twelve byt"}


def test_bytes_that_look_like_a_frame_are_not_taken_for_one() -> None:
    pair = Pair()
    pair.exchange()
    stream, dead = pair.open(REQUEST), pair.open(REQUEST)
    dead.reset(wire.CANCEL)
    fake = wire.pack(1 << 8 | wire.HEADERS, 5, dead.id)
    stream.send_data(fake)
    stream.send_data(b"and more")
    pair.exchange()
    assert pair.served.bodies == {stream.id: fake + b"and more"}


def test_goaway_refuses_what_was_not_seen_and_lets_the_rest_end() -> None:
    pair = Pair()
    pair.open(REQUEST)
    pair.exchange()
    pair.server.shutdown()
    late = pair.open(REQUEST)
    pair.exchange()
    assert ("reset", late.id, wire.REFUSED_STREAM) in pair.asked.events
    assert ("goaway", 1, 0) in pair.asked.events
    assert not pair.client.room
    assert list(pair.client.streams) == [1]


def test_hello_and_ping() -> None:
    pair = Pair(server=HOP, hello=b"who")
    pair.client.ping()
    pair.exchange()
    assert ("hello", b"who") in pair.served.events
    assert pair.client.pongs == 1
    assert pair.client.peer_connect


def test_large_heads_are_continued() -> None:
    pair = Pair()
    fields = [*REQUEST, *[(b"x-%d" % n, b"v" * 1000, True) for n in range(40)]]
    pair.open(fields, True)
    pair.exchange()
    assert pair.served.events[-1] == ("stream", 1, plain(fields), True)


def test_a_head_over_the_limit_is_told_without_it() -> None:
    pair = Pair()
    pair.open([*REQUEST, *[(b"x-%d" % n, b"v" * 1000, True) for n in range(80)]], True)
    pair.exchange()
    assert pair.served.events[-1] == ("oversized", 1, True)
    pair.served.streams[0].send_headers(OK, True)
    pair.exchange()
    assert pair.asked.events[-1] == ("headers", 1, plain(OK), True)


@pytest.mark.parametrize(
    "bad",
    [
        head((b":method", b"GET"), (b":path", b"/"), (b":authority", b"a")),
        head((b":method", b"GET"), (b":scheme", b"http"), (b":path", b""), (b":authority", b"a")),
        head((b":method", b"OPTIONS"), (b":scheme", b"http"), (b":path", b"*a"), (b":authority", b"a")),
        head((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"*"), (b":authority", b"a")),
        [*REQUEST, (b":path", b"/again", False)],
        [*REQUEST, (b"Upper", b"x", False)],
        [*REQUEST, (b"connection", b"close", False)],
        [*REQUEST, (b"transfer-encoding", b"chunked", False)],
        [*REQUEST, (b"te", b"gzip", False)],
        [*REQUEST, (b"x", b"a\nb", False)],
        [*REQUEST, (b"x", b" a", False)],
        [*REQUEST, (b"x", b"a\0", False)],
        [*REQUEST, (b"host", b"other", False)],
        [*REQUEST, (b"content-length", b"1", False), (b"content-length", b"2", False)],
        [*REQUEST, (b"content-length", b"+1", False)],
        [*REQUEST, (b":status", b"200", False)],
        [(b"x", b"y", False), *REQUEST],
        [*REQUEST, (b":unknown", b"y", False)],
        head((b":method", b"CONNECT"), (b":authority", b"a"), (b":path", b"/")),
        [],
    ],
)
def test_malformed_requests_are_reset(bad: list[tuple[bytes, bytes, bool]]) -> None:
    pair = Pair()
    pair.open(bad)
    pair.exchange()
    assert pair.asked.events == [("reset", 1, wire.PROTOCOL_ERROR)]
    assert not pair.served.streams


def test_the_asterisk_is_the_target_of_options() -> None:
    pair = Pair()
    fields = head((b":method", b"OPTIONS"), (b":scheme", b"http"), (b":path", b"*"), (b":authority", b"a"))
    pair.open(fields, True)
    pair.exchange()
    assert pair.served.events == [("stream", 1, plain(fields), True)]


@pytest.mark.parametrize(
    "fields",
    [head((b":status", b"204")), head((b":status", b"304")), head((b":status", b"304"), (b"content-length", b"1"))],
)
def test_a_reply_that_has_no_body_ends_without_one(fields: list[tuple[bytes, bytes, bool]]) -> None:
    pair = Pair()
    for number, body in ((1, b""), (3, b"x")):
        pair.open(REQUEST, True)
        pair.exchange()
        stream = pair.served.streams[-1]
        stream.send_headers(fields)
        stream.send_data(body, True)
        pair.exchange()
        assert pair.asked.events[-1][:2] == (("reset" if body else "data"), number)


def test_no_reply_without_a_body_has_a_length_of_one() -> None:
    pair = Pair()
    pair.open(REQUEST, True)
    pair.exchange()
    pair.served.streams[-1].send_headers(head((b":status", b"204"), (b"content-length", b"1")), True)
    pair.exchange()
    assert pair.asked.events == [("reset", 1, wire.PROTOCOL_ERROR)]


@pytest.mark.parametrize(("length", "body"), [(b"3", b"ab"), (b"3", b"abcd"), (b"0", b"x")])
def test_content_length_is_what_the_body_must_have(length: bytes, body: bytes) -> None:
    pair = Pair()
    stream = pair.open([*REQUEST, (b"content-length", length, False)])
    stream.send_data(body, True)
    pair.exchange()
    assert pair.asked.events == [("reset", 1, wire.PROTOCOL_ERROR)]


@pytest.mark.parametrize("name", [b"meshtui-client-id", b"meshtui_client_id", b"meshtui-", b"meshtui.error"])
@pytest.mark.parametrize("client", [APPLICATION, HOP])
def test_the_meshs_own_fields_are_taken_out_of_requests(name: bytes, client: Limits) -> None:
    pair = Pair(client=client, server=client)
    forged = (name, b"spiffe://forged", False)
    for number in (1, 3):  # what was seen once is no better the second time
        stream = pair.open([*REQUEST, forged, forged])
        stream.send_trailers([(b"x", b"y", False), forged])
        pair.exchange()
        assert pair.served.events[-2:] == [
            ("stream", number, plain(REQUEST), False),
            ("trailers", number, [(b"x", b"y")]),
        ]


@pytest.mark.parametrize(("limits", "trusted"), [(UPSTREAM, False), (HOP, True)])
def test_in_answers_they_are_believed_of_sidecars_alone(limits: Limits, trusted: bool) -> None:
    pair = Pair(client=limits)
    ok, said = (b":status", b"200", False), (b"meshtui-error", b"connect-refused", False)
    for number in (1, 3):
        pair.open(REQUEST, True)
        pair.exchange()
        stream = pair.served.streams[-1]
        stream.send_headers([ok, said])
        stream.send_trailers([(b"grpc-status", b"0", False), said])
        pair.exchange()
        more = [(b"meshtui-error", b"connect-refused")] if trusted else []
        assert pair.asked.events[-2:] == [
            ("headers", number, [(b":status", b"200"), *more], False),
            ("trailers", number, [(b"grpc-status", b"0"), *more]),
        ]


def script() -> bytes:
    """A client's bytes with every kind of frame in them."""
    ear = Ear()
    client = Connection(CLIENT, ear, APPLICATION)
    client.start(b"hello")
    encode = client.encoder.encode
    client.peer_frame = 100
    client.open([*REQUEST, (b"x-long", b"y" * 300, True)], False, ear).send_data(b"12345" * 15)
    client.open(REQUEST, True, ear)
    client.ping()
    client.streams[1].send_trailers(STATUS)
    reset = client.open(REQUEST, False, ear)
    block = encode(REQUEST)
    padded = bytes([5]) + b"\0\0\0\0\x10" + block + b"\0" * 5
    client.out.append(wire.frame(wire.HEADERS, 0x2C, 7, padded))
    client.out.append(wire.frame(wire.DATA, 0x9, 7, b"\x03abc\0\0\0"))
    client.out.append(wire.rst_stream(reset.id, wire.CANCEL))
    client.out.append(wire.window_update(0, 5))
    client.out.append(wire.frame(0x42, 0, 1, b"unknown"))
    return client.take_output()


SCRIPT = script()


def heard(chunks: list[bytes]) -> tuple[list[object], bytes]:
    ear = Ear()
    server = Connection(SERVER, ear, APPLICATION)
    ear.connection = server
    server.start()
    for chunk in chunks:
        server.receive(chunk)
    return ear.events, server.take_output()


def test_the_script_is_understood() -> None:
    events, _ = heard([SCRIPT])
    kinds = [event[0] for event in events]  # type: ignore[index]
    assert kinds == ["hello", "stream", "data", "stream", "trailers", "stream", "stream", "data", "reset"]


def test_every_boundary_gives_the_same() -> None:
    whole = heard([SCRIPT])
    for cut in range(1, len(SCRIPT)):
        assert heard([SCRIPT[:cut], SCRIPT[cut:]]) == whole
    assert heard([bytes([byte]) for byte in SCRIPT]) == whole


@given(st.binary(max_size=400), st.integers(0, len(SCRIPT)))
@settings(max_examples=150, deadline=None)
def test_garbage_ends_the_connection_at_worst(garbage: bytes, cut: int) -> None:
    heard([SCRIPT[:cut], garbage, garbage])


def test_h2_as_client_understands_our_server() -> None:
    ear = Ear()
    server = Connection(SERVER, ear, APPLICATION)
    server.start()
    peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
    peer.initiate_connection()
    events = []
    headers = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"x")]
    for _ in range(2):
        stream = peer.get_next_available_stream_id()
        peer.send_headers(stream, headers)
        peer.send_data(stream, b"q" * 1000, end_stream=True, pad_length=7)
        server.receive(peer.data_to_send())
        served = ear.streams[-1]
        served.send_headers(OK)
        served.send_data(b"r" * 30_000)
        served.send_trailers(STATUS)
        events += peer.receive_data(server.take_output())
    kinds = [type(event).__name__ for event in events if getattr(event, "stream_id", None)]
    assert kinds.count("ResponseReceived") == kinds.count("TrailersReceived") == kinds.count("StreamEnded") == 2
    assert ear.bodies == {1: b"q" * 1000, 3: b"q" * 1000}


def test_h2_as_server_understands_our_client() -> None:
    ear = Ear()
    client = Connection(CLIENT, ear, APPLICATION)
    client.start()
    peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
    peer.initiate_connection()
    client.open(REQUEST, False, ear).send_data(b"hi", True)
    events = peer.receive_data(client.take_output())
    assert [type(e).__name__ for e in events if isinstance(e, (h2.events.RequestReceived, h2.events.DataReceived))]
    peer.update_settings({wire.HEADER_TABLE_SIZE: 0})
    peer.send_headers(1, [(b":status", b"200"), (b"set-cookie", b"a"), (b"set-cookie", b"b")])
    peer.send_data(1, b"there")
    peer.send_headers(1, [(b"grpc-status", b"0")], end_stream=True)
    client.receive(peer.data_to_send())
    assert [event[0] for event in ear.events] == ["headers", "data", "trailers"]
    client.open(REQUEST, True, ear)
    assert peer.receive_data(client.take_output())


def test_slow_streams_that_keep_most_of_the_window_do_not_stall_the_rest() -> None:
    pair = Pair(server=Limits(stream_window=1 << 20, connection_window=4 << 20))
    pair.exchange()
    for _ in range(3):
        pair.open(REQUEST).send_data(bytes(1 << 20))
    quick = pair.open(REQUEST)
    quick.send_data(bytes(8 << 20), True)
    for _ in range(40):
        pair.exchange()
        served = pair.served.streams[3]
        served.consumed(served.read_bytes - served.taken)
    assert len(pair.served.bodies[quick.id]) == 8 << 20
