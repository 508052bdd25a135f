"""How a generator speaks: one class per load, sans-io. It asks with a ticket, and gives the ticket back when answered.

`generator` owns sockets and clocks. An answer that is not word for word the expected one raises WrongAnswer: a proxy
that is fast because it fails must not win.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from agents.sidecar.engine.http2.connection import CLIENT, Connection
from agents.sidecar.engine.http2.limits import UPSTREAM
from tests.bench import words

Ticket = float


class WrongAnswer(Exception):
    """The far end said something else than it should; `str()` says what."""


class Dialect:
    """One connection's side of a conversation in which answers come in the order of the questions."""

    def __init__(self, depth: int) -> None:
        self.depth = depth  # questions that may be open at once
        self.open: deque[Ticket] = deque()

    @property
    def free(self) -> int:
        """How many more questions may be asked now."""
        return self.depth - len(self.open)

    @property
    def unanswered(self) -> int:
        return len(self.open)

    def greet(self) -> bytes:
        """Return what opens the conversation."""
        return b""

    def ask(self, ticket: Ticket) -> bytes:
        self.open.append(ticket)
        return self.question

    def hear(self, data: bytes) -> list[Ticket]:
        raise NotImplementedError

    def reply(self) -> bytes:
        """Return what the protocol itself wants to say after something was heard."""
        return b""

    question = b""

    def _answered(self) -> Ticket:
        if not self.open:
            raise WrongAnswer("an answer that nobody asked for")
        return self.open.popleft()


class Http1(Dialect):
    """Keep-alive requests, of which the next is sent when the last has been answered."""

    def __init__(self, depth: int, size: int) -> None:
        super().__init__(depth)
        self.question = words.http_request(size)
        self._size = len(words.http_answer(size).partition(b"\r\n\r\n")[2])
        self._head = b""
        self._left = 0  # bytes of the body that is being read; 0: a head comes next

    def hear(self, data: bytes) -> list[Ticket]:
        done = []
        while data:
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                data = data[taken:]
                if not self._left:
                    done.append(self._answered())
                continue
            head, found, data = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                self._head = head
                break
            self._head = b""
            if not head.startswith(b"HTTP/1.1 200 ") or b"content-length: %d" % self._size not in head.lower():
                raise WrongAnswer(f"not the 200 that was expected: {head[:200]!r}")
            self._left = self._size
        return done


class Echo(Dialect):
    """Bytes that come back as they are, over plain TCP."""

    def __init__(self, depth: int, size: int) -> None:
        super().__init__(depth)
        self.question = bytes(size)
        self._got = 0

    def hear(self, data: bytes) -> list[Ticket]:
        count, self._got = divmod(self._got + len(data), len(self.question))
        if data.count(0) != len(data):
            raise WrongAnswer("other bytes than were sent")
        return [self._answered() for _ in range(count)]


class WebSocket(Dialect):
    """One frame asked, one frame answered, after an upgrade."""

    question = words.ASK_FRAME

    def __init__(self, depth: int, _size: int = 0) -> None:
        super().__init__(depth)
        self._upgraded = False
        self._tail = b""

    @property
    def free(self) -> int:
        return super().free if self._upgraded else 0

    def greet(self) -> bytes:
        return words.UPGRADE

    def hear(self, data: bytes) -> list[Ticket]:
        data = self._tail + data
        if not self._upgraded:
            head, found, rest = data.partition(b"\r\n\r\n")
            if found and not head.startswith(b"HTTP/1.1 101 "):
                raise WrongAnswer(f"no upgrade: {head[:200]!r}")
            self._upgraded = bool(found)
            data = rest if found else data
        size = len(words.ECHO_FRAME)
        count = len(data) // size if self._upgraded else 0
        if data[: count * size] != words.ECHO_FRAME * count:
            raise WrongAnswer(f"not the frame that was sent: {data[:80]!r}")
        self._tail = data[count * size :]
        return [self._answered() for _ in range(count)]


class Grpc(Dialect):
    """Unary calls, each on a stream of its own; it is handler and sink of its connection."""

    path = words.UNARY

    def __init__(self, depth: int, _size: int = 0) -> None:
        super().__init__(depth)
        self._h2 = Connection(CLIENT, self, UPSTREAM)
        self._calls: dict[int, tuple[Ticket, bytes]] = {}
        self._done: list[Ticket] = []
        self._head = [
            (b":method", b"POST", False),
            (b":scheme", b"http", False),
            (b":path", self.path.encode(), False),
            (b":authority", b"bench", False),
            (b"content-type", b"application/grpc", False),
            (b"te", b"trailers", False),
        ]

    @property
    def free(self) -> int:
        return self.depth - len(self._calls) if self._h2.known and self._h2.room else 0

    @property
    def unanswered(self) -> int:
        return len(self._calls)

    def greet(self) -> bytes:
        self._h2.start()
        return self._h2.take_output()

    def ask(self, ticket: Ticket) -> bytes:
        stream = self._h2.open(self._head, False, self)
        self._calls[stream.id] = (ticket, b"")
        stream.send_data(words.REQUEST, True)
        return self._h2.take_output()

    def hear(self, data: bytes) -> list[Ticket]:
        self._h2.receive(data)
        done, self._done = self._done, []
        return done

    def reply(self) -> bytes:
        return self._h2.take_output()

    def on_headers(self, stream: Any, headers: Any, status: int, end: bool) -> None:
        if status != 200 or end:
            raise WrongAnswer(f"a call failed: {headers}")

    def on_data(self, stream: Any, data: bytes, end: bool) -> None:
        stream.consumed(len(data))
        ticket, got = self._calls[stream.id]
        self._calls[stream.id] = (ticket, got + data)

    def on_trailers(self, stream: Any, headers: Any) -> None:
        ticket, got = self._calls.pop(stream.id)
        if got != words.REPLY or (b"grpc-status", b"0") not in [field[:2] for field in headers]:
            raise WrongAnswer(f"a call failed: {headers}")
        self._done.append(ticket)

    def on_reset(self, stream: Any, code: int) -> None:
        raise WrongAnswer(f"a stream was reset with code {code}")

    def on_goaway(self, last: int, code: int) -> None:
        raise WrongAnswer(f"the connection is being closed with code {code}")

    def on_failure(self, code: int, reason: str) -> None:
        raise WrongAnswer(f"HTTP/2 was broken: {reason}")

    def _nothing(self, *_: object) -> None:
        """What else a connection tells is of no interest here."""

    wake = on_stream = on_oversized = on_excess = on_hello = on_settings = on_room = on_drained = _nothing


class GrpcStream(Grpc):
    """Bidirectional streams that stay open: a message asked, a message answered, `depth` streams in turn."""

    path = words.STREAM

    def __init__(self, depth: int, _size: int = 0) -> None:
        super().__init__(depth)
        self._idle: deque[Any] = deque()
        self._opened = False

    @property
    def free(self) -> int:
        if not self._opened and self._h2.known:
            self._opened = True
            for _ in range(self.depth):
                self._idle.append(self._h2.open(self._head, False, self))
        return len(self._idle)

    def ask(self, ticket: Ticket) -> bytes:
        stream = self._idle.popleft()
        self._calls[stream.id] = (ticket, b"")
        stream.send_data(words.REQUEST)
        return self._h2.take_output()

    def on_data(self, stream: Any, data: bytes, end: bool) -> None:
        stream.consumed(len(data))
        if end or stream.id not in self._calls:
            raise WrongAnswer("a stream ended, or answered what nobody asked")
        ticket, got = self._calls.pop(stream.id)
        got += data
        if len(got) < len(words.REPLY):
            self._calls[stream.id] = (ticket, got)
            return
        if got != words.REPLY:
            raise WrongAnswer(f"not the message that was expected: {got[:80]!r}")
        self._done.append(ticket)
        self._idle.append(stream)

    def on_trailers(self, stream: Any, headers: Any) -> None:
        raise WrongAnswer(f"a stream ended: {headers}")


DIALECTS: dict[str, Callable[[int, int], Dialect]] = {
    "http": Http1,
    "grpc": Grpc,
    "stream": GrpcStream,
    "websocket": WebSocket,
    "tcp": Echo,
}
