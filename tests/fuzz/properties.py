"""What holds for any bytes at all: the engines neither fail nor hang, and how a stream is cut changes nothing.

test_engines asks it of garbled messages, guided (atheris) of what reaches new code, test_boundaries of the corpus.
What goes on to an application is besides read by h11 and by llhttp, which have to find the same requests in it.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

import h11
import httptools

from agents.sidecar.engine.detect import PEEK, Kind, detect
from agents.sidecar.engine.head import Head
from agents.sidecar.engine.http1 import CHUNKED, RefusedError, Request, Requests, Response, Responses
from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import CLIENT, SERVER, Connection
from agents.sidecar.engine.http2.limits import APPLICATION
from tests.support.http2 import REQUEST, Ear, head

SHORT = 40  # bytes up to which every boundary is tried


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Yield ways to cut: into single bytes, and in two, everywhere if it is short."""
    yield [data[at : at + 1] for at in range(len(data))]
    step = 1 if len(data) <= SHORT else len(data) // 7
    for at in range(1, len(data), step):
        yield [data[:at], data[at:]]


class Server(Requests):
    """Keeps what it understood, answers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: list[Request] = []
        self.told: list[bytes] = []
        self.whole = 0  # how many of them are whole
        self.refused: tuple[int, str] | None = None

    def on_head(self, head: Request, data: bytes, last: bool) -> None:
        assert data[: head.size].endswith(b"\r\n\r\n")
        self.heads.append(head)
        self.told.append(data)
        self._end(last)

    def on_body(self, data: bytes, last: bool) -> None:
        self.told[-1] += data
        self._end(last)

    def on_refused(self, error: RefusedError) -> None:
        assert self.refused is None, "refused twice"
        self.refused = error.status, error.reason

    def _end(self, last: bool) -> None:
        if last:
            self.whole += 1
            self.proceed()


class Client(Responses):
    """Keeps what it understood, and expects another response after each."""

    def __init__(self, method: bytes = b"GET") -> None:
        super().__init__()
        self.method = method
        self.told: list[bytes] = []
        self.whole = 0
        self.refused: tuple[int, str] | None = None
        self.expect(method)

    def on_head(self, head: Response, data: bytes, last: bool) -> None:
        self.told.append(data)
        if last and head.status < 200 and head.status != 101:
            self.whole += 1
        else:
            self._end(last)

    def on_body(self, data: bytes, last: bool) -> None:
        self.told[-1] += data
        self._end(last)

    def on_refused(self, error: RefusedError) -> None:
        assert self.refused is None, "refused twice"
        self.refused = error.status, error.reason

    def _end(self, last: bool) -> None:
        if last:
            self.whole += 1
            self.expect(self.method)


def requests(data: bytes) -> None:
    """What a client sends."""
    whole = Server()
    whole.receive(data)
    for parts in cuts(data):
        pieces = Server()
        for part in parts:
            pieces.receive(part)
        _alike(whole, pieces)
    _accounted(data, whole.told)
    for request, raw in zip(whole.heads[: whole.whole], whole.told, strict=False):
        forwarded(request, raw[request.size :])


def responses(data: bytes) -> None:
    """What a server sends."""
    for method in (b"GET", b"HEAD", b"CONNECT"):
        whole = Client(method)
        whole.receive(data)
        for parts in cuts(data):
            pieces = Client(method)
            for part in parts:
                pieces.receive(part)
            _alike(whole, pieces)
        _accounted(data, whole.told)


def _alike(whole: Server | Client, pieces: Server | Client) -> None:
    assert pieces.refused == whole.refused
    assert pieces.whole == whole.whole
    assert pieces.told[: pieces.whole] == whole.told[: whole.whole]
    if whole.refused is None:
        assert pieces.told == whole.told
        return
    # Of a message that was refused midway, more may have been understood before the wrong part came.
    for shorter, longer in zip(whole.told, pieces.told, strict=False):
        assert longer.startswith(shorter)


def _accounted(data: bytes, told: list[bytes]) -> None:
    at = 0
    for message in told:
        while data.startswith(b"\r\n", at):
            at += 2
        assert data.startswith(message, at), "a byte was lost or repeated"
        at += len(message)


class Heard:
    """What llhttp says of a message."""

    def __init__(self) -> None:
        self.target = b""
        self.body = b""
        self.messages = 0

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1


def forwarded(request: Request, body: bytes) -> None:
    """A head as it goes on, with its body, is one request for others, too, and the same one."""
    lines = request.forward()
    again = Request(lines, len(lines))
    assert again.forward() == lines or again.upgrade, "it goes on in another form at the next hop"
    assert (again.method, again.length, again.authority) == (request.method, request.length, request.authority)
    if request.method == b"CONNECT" or request.upgrade:
        return
    content = _content(request, body)
    theirs = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    theirs.receive_data(lines + body)
    event = theirs.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method, event.target) == (request.method, request.path)
    found = b""
    while isinstance(event := theirs.next_event(), h11.Data):
        found += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert found == content
    assert theirs.trailing_data[0] == b""
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    try:
        parser.feed_data(lines + body)
    except httptools.HttpParserError:
        # It knows no other methods, and less of what is allowed: it may refuse all of it, but not a part.
        assert heard.messages == 0
    else:
        assert (heard.messages, heard.target, heard.body) == (1, request.path, content)
        assert parser.get_method() == request.method


def _content(request: Head, body: bytes) -> bytes:
    """Return a body without its chunks' frames."""
    if request.length != CHUNKED:
        return body
    content = b""
    at = 0
    while size := int(body[at : body.index(b"\r\n", at)].split(b";")[0], 16):
        at = body.index(b"\r\n", at) + 2
        content += body[at : at + size]
        at += size + 2
    return content


def heads(data: bytes) -> None:
    """The head grammar alone: a head is refused, or others read it alike. Blank lines and bodies are not looked at."""
    data = data.replace(b"\r\n\r\n", b"\r\n").removesuffix(b"\r\n") + b"\r\n\r\n"
    try:
        request = Request(data, len(data))
    except RefusedError as error:
        assert error.status in (400, 414)
    else:
        if request.length == 0:
            forwarded(request, b"")
    with suppress(RefusedError):
        response = Response(data, len(data), b"GET")
        lines = response.forward(1, False)
        theirs = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        theirs.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
        theirs.send(h11.EndOfMessage())
        if response.status == 101:
            return  # h11 takes no switch that it did not ask for
        theirs.receive_data(lines)
        event = theirs.next_event()
        assert isinstance(event, h11.Response | h11.InformationalResponse)
        assert event.status_code == response.status


def detection(data: bytes) -> None:
    """Decided is decided, at the latest when as much has come as is looked at."""
    found = Kind.MORE
    for size in [*range(1, min(len(data), 400)), len(data)]:
        kind = detect(data[:size]).kind
        assert found is Kind.MORE or kind is found, (found, kind)
        found = kind
    if len(data) >= PEEK:
        assert detect(data[:PEEK]).kind is not Kind.MORE


def frames_to_server(data: bytes) -> None:
    """Frames from a client, after its preface."""
    _frames(data, _served)


def frames_to_client(data: bytes) -> None:
    """Frames from a server that was asked three things."""
    _frames(data, _asked)


def _frames(data: bytes, run: Callable[[list[bytes]], Ear]) -> None:
    whole = run([data])
    assert sum(event[0] == "failure" for event in whole.events) <= 1
    for parts in cuts(data):
        pieces = run(parts)
        assert told(pieces) == told(whole)


def told(ear: Ear) -> dict[int, list[object]]:
    """Return what each stream heard, and under 0 what the connection did; how bodies were cut is left out."""
    found: dict[int, list[object]] = {}
    for what, *details in ear.events:
        if what == "data":
            number, data, end = details
            heard = found.setdefault(number, [])
            before = heard.pop()[1] if heard and heard[-1][0] == "data" else b""  # type: ignore[index]
            heard.append(("data", before + data, end))
        elif what in ("hello", "room", "goaway", "failure"):
            found.setdefault(0, []).append((what, *details))
        elif what != "drained":
            found.setdefault(details[0], []).append((what, *details[1:]))
    return found


def _served(parts: list[bytes]) -> Ear:
    ear = Ear()
    server = Connection(SERVER, ear, APPLICATION, lambda: 0.0)
    server.start()
    server.receive(wire.PREFACE + wire.settings({}))
    for part in parts:
        server.receive(part)
    for stream in ear.streams:
        stream.send_headers(head((b":status", b"200")), False)
        stream.send_data(b"x" * 100, True)
    server.take_output()
    return ear


def _asked(parts: list[bytes]) -> Ear:
    ear = Ear()
    client = Connection(CLIENT, ear, APPLICATION, lambda: 0.0)
    client.start()
    for _ in range(3):
        client.open(REQUEST, False, ear).send_data(b"x" * 100, True)
    client.receive(wire.settings({}))
    for part in parts:
        client.receive(part)
    client.take_output()
    return ear
