"""HTTP/1 as a conversation of any length: a client and a server of some other make, our readers between them.

The model knows what each side said; h11 writes half of it. Pieces arrive as they like, and what was understood of both
directions is what was said, in order, each message with the request that it answers.
"""

from collections import deque

import h11
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agents.sidecar.engine.http1 import RefusedError, Request, Requests, Response, Responses

BODIES = st.binary(max_size=40) | st.sampled_from(
    [b"0\r\n\r\n", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 70_000]
)
SIZES = st.sampled_from([1, 1, 2, 3, 7, 40, 1000, 100_000])


class Near(Requests):
    """Hands each request to the other side as soon as it is understood."""

    def __init__(self, far: "Far") -> None:
        super().__init__()
        self.far = far
        self.understood: list[bytes] = []
        self.ends: list[bool] = []

    def on_head(self, head: Request, data: bytes, last: bool) -> None:
        self.understood.append(data)
        self.ends.append(last)
        self.far.expect(head.method)

    def on_body(self, data: bytes, last: bool) -> None:
        self.understood[-1] += data
        self.ends[-1] = last

    def on_refused(self, error: RefusedError) -> None:
        raise AssertionError(error)


class Far(Responses):
    """Keeps what the server answered; the last byte of an answer lets the next request in."""

    def __init__(self) -> None:
        super().__init__()
        self.near: Near | None = None
        self.understood: list[bytes] = []
        self.interim = 0

    def on_head(self, head: Response, data: bytes, last: bool) -> None:
        self.understood.append(data)
        if head.status < 200:
            assert last
            self.interim += 1
        else:
            self._end(last)

    def on_body(self, data: bytes, last: bool) -> None:
        self.understood[-1] += data
        self._end(last)

    def on_refused(self, error: RefusedError) -> None:
        raise AssertionError(error)

    def on_surplus(self) -> None:
        raise AssertionError("an answer came before its request was understood")

    def _end(self, last: bool) -> None:
        if last:
            assert self.near is not None
            self.near.proceed()


def written(head: h11.Request | h11.Response, body: bytes, cut: int) -> bytes:
    """Return a message as h11 frames it, its body in pieces."""
    if isinstance(head, h11.Request):
        writer = h11.Connection(h11.CLIENT)
    else:
        writer = h11.Connection(h11.SERVER)
        writer.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        writer.next_event()
        writer.next_event()
    data = writer.send(head) or b""
    for at in range(0, len(body), cut):
        data += writer.send(h11.Data(data=body[at : at + cut])) or b""
    return data + (writer.send(h11.EndOfMessage()) or b"")


class Conversation(RuleBasedStateMachine):
    """What was said, and what has arrived of it."""

    def __init__(self) -> None:
        super().__init__()
        self.far = Far()
        self.near = self.far.near = Near(self.far)
        self.asked: list[tuple[bytes, bytes]] = []  # method and the whole request
        self.answered: list[bytes] = []  # each message that the server sent, interim ones too
        self.complete = 0  # requests whose answer was begun
        self.there: deque[bytes] = deque()
        self.back: deque[bytes] = deque()

    @rule(
        method=st.sampled_from([b"GET", b"HEAD", b"POST", b"PURGE"]),
        body=BODIES,
        framing=st.sampled_from(["length", "chunked"]),
        cut=st.sampled_from([1, 3, 100_000]),
    )
    def ask(self, method: bytes, body: bytes, framing: str, cut: int) -> None:
        fields = [(b"host", b"a"), (b"content-length", b"%d" % len(body))]
        if framing == "chunked":
            fields[1] = (b"transfer-encoding", b"chunked")
        data = written(h11.Request(method=method, target=b"/x", headers=fields), body, max(cut, len(body) // 50))
        self.asked.append((method, data))
        self.there.append(data)

    @rule(blank=st.integers(1, 2))
    def leave_lines_blank(self, blank: int) -> None:
        """Before a request; RFC 9112, 2.2."""
        self.there.append(b"\r\n" * blank)

    @precondition(lambda self: self.waiting)
    @rule(status=st.sampled_from([100, 102, 103]))
    def say_something_first(self, status: int) -> None:
        self._say(b"HTTP/1.1 %d Interim\r\nX: y\r\n\r\n" % status)

    @precondition(lambda self: self.waiting)
    @rule(
        status=st.sampled_from([200, 204, 304, 404, 500]),
        body=BODIES,
        framing=st.sampled_from(["length", "chunked"]),
        cut=st.sampled_from([1, 3, 100_000]),
    )
    def answer(self, status: int, body: bytes, framing: str, cut: int) -> None:
        method = self.asked[self.complete][0]
        self.complete += 1
        if status in (204, 304) or method == b"HEAD":
            length = b"Content-Length: 9\r\n" if status != 204 else b""  # what a GET would have got
            self._say(b"HTTP/1.1 %d None\r\n%b\r\n" % (status, length))
            return
        fields = [(b"content-length", b"%d" % len(body))]
        if framing == "chunked":
            fields = [(b"transfer-encoding", b"chunked")]
        head = h11.Response(status_code=status, headers=fields, reason=b"Yes")
        self._say(written(head, body, max(cut, len(body) // 50)))

    @rule(size=SIZES)
    def arrive_there(self, size: int) -> None:
        self._arrive(self.there, self.near, size)

    @rule(size=SIZES)
    def arrive_here(self, size: int) -> None:
        self._arrive(self.back, self.far, size)

    @property
    def waiting(self) -> bool:
        """A request was understood whole that nobody has answered; a server speaks only then."""
        return len(self.near.understood) > self.complete and self.near.ends[-1]

    def _say(self, data: bytes) -> None:
        self.answered.append(data)
        self.back.append(data)

    def _arrive(self, line: deque[bytes], reader: Near | Far, size: int) -> None:
        if not line:
            return
        data = b"".join(line)
        line.clear()
        if len(data) > size:
            line.append(data[size:])
        reader.receive(data[:size])

    @invariant()
    def what_was_understood_was_said(self) -> None:
        for said, understood in (
            ([data for _, data in self.asked], self.near.understood),
            (self.answered, self.far.understood),
        ):
            assert understood[:-1] == said[: max(0, len(understood) - 1)]
            if understood:
                assert said[len(understood) - 1].startswith(understood[-1])

    def teardown(self) -> None:
        """Let everything arrive and be answered: then nothing is missing."""
        while self.there or self.back or self.waiting:
            self._arrive(self.there, self.near, 1 << 20)
            self._arrive(self.back, self.far, 1 << 20)
            if self.waiting and not self.back:
                self.complete += 1
                self._say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert self.near.understood == [data for _, data in self.asked]
        assert self.far.understood == self.answered
        assert self.far.interim == sum(data.startswith(b"HTTP/1.1 1") for data in self.answered)
        assert self.near.idle


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
