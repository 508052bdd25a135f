"""Heads: what the strict grammar takes, what it refuses, and what goes on to the next hop."""

import string

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sidecar.engine.head import CHUNKED, UNTIL_CLOSE, RefusedError, Request, Response, trailers
from tests.support.smuggling import HEADS


def request(text: bytes) -> Request:
    return Request(text, len(text))


def response(text: bytes, method: bytes = b"GET") -> Response:
    return Response(text, len(text), method)


@pytest.mark.parametrize("text", HEADS.values(), ids=HEADS.keys())
def test_refused(text: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        request(text)
    assert refused.value.status == 400


def test_long_target_is_414() -> None:
    with pytest.raises(RefusedError) as refused:
        request(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert refused.value.status == 414


def test_usual_request_goes_on_as_it_was() -> None:
    text = b"GET /a?b=c HTTP/1.1\r\nhost: emoji:8080\r\nX-Y:  z \r\nContent-Length: 3\r\n\r\n"
    head = request(text)
    assert (head.method, head.path, head.authority, head.length) == (b"GET", b"/a?b=c", b"emoji:8080", 3)
    assert head.persistent
    assert head.forward() == text
    assert head.get(b"x-y") == b"z"
    assert head.pairs()[0] == (b"host", b"emoji:8080")


def test_hop_by_hop_fields_stay_here() -> None:
    head = request(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\n"
        b"X-Mine-Too: 2\r\nTE: trailers\r\nProxy-Connection: x\r\nProxy-Authorization: y\r\nUpgrade: f\r\nA: b\r\n\r\n"
    )
    assert head.forward() == b"GET / HTTP/1.1\r\nHost: a\r\nX-Mine-Too: 2\r\nA: b\r\n\r\n"


def test_framing_cannot_be_named_away() -> None:
    text = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length, host, close\r\nContent-Length: 3\r\n\r\n"
    head = request(text)
    assert not head.persistent
    assert head.forward() == b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"


FORGED = [
    b"meshtui-client-id: spiffe://x\r\n",
    b"Meshtui-Client-Id:spiffe://x\r\n",
    b"MESHTUI-CLIENT-ID:\t spiffe://x \r\n",
    b"meshtui-client-id: one\r\nX: y\r\nmeshtui-client-id: two\r\n",
    b"meshtui_client_id: spiffe://x\r\n",
    b"Meshtui-client_Id: spiffe://x\r\n",
    b"meshtui.client.id: spiffe://x\r\n",
    b"meshtui-:\r\n",
    b"meshtui-error: \xff: meshtui-error\r\n",
    b"Connection: meshtui-client-id\r\nmeshtui-client-id: spiffe://x\r\n",
]


@pytest.mark.parametrize("lines", FORGED)
def test_what_the_mesh_says_cannot_be_said_by_others(lines: bytes) -> None:
    for before, after in ((b"Host: a\r\n", b""), (b"", b"Host: a\r\n")):
        head = request(b"GET / HTTP/1.1\r\n" + before + lines + after + b"\r\n")
        assert head.forward().replace(b"X: y\r\n", b"") == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n"
    kept = response(answer).forward(1, False, trusted=False).replace(b"X: y\r\n", b"")
    assert kept == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    if not lines.startswith(b"Connection"):
        assert response(answer).forward(1, False, trusted=True) == answer
        assert not trailers(lines + b"\r\n")


@pytest.mark.parametrize(
    "line", [b"meshtuix: y", b"x-meshtui-client-id: y", b"meshtui: y", b"a: \tmeshtui-client-id: y"]
)
def test_names_that_only_resemble_ours_are_left_alone(line: bytes) -> None:
    text = b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n"
    assert not request(text).edited
    assert request(text).forward() == text


def test_a_continued_line_is_refused_not_read_as_ours() -> None:
    with pytest.raises(RefusedError):
        request(b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n meshtui-client-id: spiffe://x\r\n\r\n")


def test_the_mesh_adds_what_it_has_to_say() -> None:
    head = request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert head.forward(b"A: b\r\n") == b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"
    head = request(b"GET / HTTP/1.1\r\nHost: a\r\nmeshtui-client-id: x\r\n\r\n")
    assert head.forward(b"A: b\r\n") == b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"


def test_absolute_form_names_the_host() -> None:
    head = request(b"GET http://emoji.emojivoto:8080/a?b HTTP/1.1\r\nX: y\r\nHost: other\r\n\r\n")
    assert (head.authority, head.path) == (b"emoji.emojivoto:8080", b"/a?b")
    assert head.forward() == b"GET /a?b HTTP/1.1\r\nHost: emoji.emojivoto:8080\r\nX: y\r\n\r\n"


def test_absolute_form_without_a_path() -> None:
    assert request(b"GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n").path == b"/?b"
    options = request(b"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n")  # RFC 9112, 3.2.4
    assert options.forward() == b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"
    assert request(b"OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n").path == b"/"


def test_upgrade_goes_on_only_when_it_is_one() -> None:
    head = request(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nA: b\r\n\r\n")
    assert head.forward() == b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nHost: a\r\nA: b\r\n\r\n"
    plain = request(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n")
    assert plain.upgrade == b""
    older = request(b"GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nA: b\r\n\r\n")
    assert older.forward() == b"GET / HTTP/1.0\r\nA: b\r\n\r\n"  # RFC 9110, 7.8


def test_no_more_options_than_anybody_has() -> None:
    options = b", ".join(b"x%d" % n for n in range(64))
    assert request(b"GET / HTTP/1.1\r\nHost: a\r\nX1: y\r\nConnection: " + options + b"\r\n\r\n").forward() == (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    with pytest.raises(RefusedError, match="bad-connection"):
        request(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: " + options + b", y\r\n\r\n")


def test_http_1_0() -> None:
    head = request(b"GET / HTTP/1.0\r\n\r\n")
    assert (head.minor, head.persistent, head.authority) == (0, False, b"")
    assert request(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").persistent


@pytest.mark.parametrize(
    ("text", "method", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"GET", 5),
        (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", b"GET", 5),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"HEAD", 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", b"HEAD", 0),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"GET", 0),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"GET", 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET", CHUNKED),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"GET", UNTIL_CLOSE),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"CONNECT", 0),
        (b"HTTP/1.1 403 No\r\n\r\n", b"CONNECT", UNTIL_CLOSE),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"GET", 0),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", b"GET", 0),
    ],
)
def test_length_of_a_response(text: bytes, method: bytes, length: int) -> None:
    assert response(text, method).length == length


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 20 X\r\n\r\n",
        b"HTTP/1.1 2000 X\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
    ],
)
def test_refused_responses(text: bytes) -> None:
    with pytest.raises(RefusedError):
        response(text)


def test_response_for_an_older_client() -> None:
    head = response(b"HTTP/1.1 200 OK\r\nA: b\r\nKeep-Alive: x\r\nContent-Length: 0\r\n\r\n")
    assert head.forward(1, False) == b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n"
    assert head.forward(1, True) == b"HTTP/1.1 200 OK\r\nConnection: close\r\nA: b\r\nContent-Length: 0\r\n\r\n"
    assert head.forward(0, False) == b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nA: b\r\nContent-Length: 0\r\n\r\n"


def test_response_of_an_older_server_is_ours() -> None:
    head = response(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert not head.persistent
    assert head.forward(1, False) == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (b"A: b\r\n\r\n", True),
        (b"A: b\r\nC:\r\n\r\n", True),
        (b"A : b\r\n\r\n", False),
        (b"Content-Length: 5\r\n\r\n", False),
        (b"A: b\r\ntransfer-encoding: chunked\r\n\r\n", False),
        (b"Host: x\r\n\r\n", False),
    ],
)
def test_trailers(text: bytes, good: bool) -> None:
    assert trailers(text) is good


token = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=12)
value = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(str.strip)
known = st.sampled_from(["Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Expect"])
lines = st.lists(st.tuples(token | known, value | st.sampled_from(["chunked", "3", "close", "a"])), max_size=6)


@given(token, st.text(string.printable[:94], min_size=1, max_size=12), lines, st.binary(max_size=3))
def test_what_is_taken_h11_takes_alike(method: str, target: str, fields: list[tuple[str, str]], noise: bytes) -> None:
    text = f"{method} /{target} HTTP/1.1\r\nHost: a\r\n".encode()
    text += b"".join(f"{name}: {val}\r\n".encode() for name, val in fields) + noise + b"\r\n\r\n"
    end = text.find(b"\r\n\r\n") + 4
    try:
        head = Request(text, end)
    except RefusedError:
        return
    server = h11.Connection(h11.SERVER)
    server.receive_data(text[:end])
    event = server.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method, event.target) == (head.method, head.target)
    assert [(bytes(name), bytes(val)) for name, val in event.headers] == list(head.pairs())
    assert head.minor == 1


@given(st.binary(max_size=80))
def test_nothing_but_refusals_comes_of_noise(noise: bytes) -> None:
    for make in (lambda text: Request(text, len(text)), lambda text: Response(text, len(text), b"GET")):
        try:
            make(noise + b"\r\n\r\n")
        except RefusedError:
            continue
