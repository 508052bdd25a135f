"""Requests and responses of HTTP/1, one after the other.

`Requests` and `Responses` add heads to what engine/framing reads, and call `on_head`; host/downstream and host/upstream
override that and what a Reader calls. The next message is read after `proceed` or `expect`. No I/O.
"""

from agents.sidecar.engine.framing import BLANK, HEAD, HEAD_LIMIT, Reader
from agents.sidecar.engine.head import CHUNKED, UNTIL_CLOSE, RefusedError, Request, Response

FIRST_LINE_LIMIT = 8192 + 64
_CR = 13


class Requests(Reader):
    """What a client sends. One request at a time: `proceed` lets the next be read, so answers stay in order."""

    __slots__ = ()

    def receive(self, data: bytes) -> None:
        if self._phase == HEAD and not self._held and not self.busy:
            end = data.find(BLANK)
            if 0 < end <= HEAD_LIMIT and data[0] != _CR:  # a whole head: the way of nearly every message
                try:
                    head = Request(data, end + 4)
                    if head.length >= 0 and len(data) == end + 4 + head.length:
                        self.busy = True
                        self.on_head(head, data, True)
                        return
                    self._running = True
                    data, last = self._frame(data, end + 4, head.length)
                    self.on_head(head, data, last)
                except RefusedError as error:
                    self._refuse(error)
                self._running = False
                if self._held and not self.busy:
                    self._advance()
                return
        Reader.receive(self, data)

    def on_head(self, head: Request, data: bytes, last: bool) -> None:
        """A request begins: `data` is its head and what came of its body; `last`: that is all of it."""

    def proceed(self) -> None:
        """The request was answered: go on with the next."""
        self.busy = False
        if self._held:
            self._advance()

    def _unended(self, size: int) -> None:
        if size > FIRST_LINE_LIMIT:
            raise RefusedError(414, "target-too-long")

    def _message(self, data: bytes, size: int) -> None:
        head = Request(data, size)
        data, last = self._frame(data, size, head.length)
        self.on_head(head, data, last)


class Responses(Reader):
    """What a server sends. Busy until a response is expected: whatever comes unasked is not forwarded."""

    __slots__ = ("_method",)
    wrong = 502

    def __init__(self) -> None:
        super().__init__()
        self.busy = True
        self._method = b""

    def receive(self, data: bytes) -> None:
        if self._phase == HEAD and not self._held and not self.busy:
            end = data.find(BLANK)
            if 0 < end <= HEAD_LIMIT and data[0] != _CR:
                try:
                    head = Response(data, end + 4, self._method)
                    if head.status >= 200 and head.length >= 0 and len(data) == end + 4 + head.length:
                        self.busy = True
                        self.on_head(head, data, True)
                        return
                    self._running = True
                    self._begun(head, data, end + 4)
                except RefusedError as error:
                    self._refuse(error)
                self._running = False
                if self._held and not self.busy:
                    self._advance()
                return
        Reader.receive(self, data)

    def on_head(self, head: Response, data: bytes, last: bool) -> None:
        """A response begins, or an interim one (1xx), which is always whole."""

    def expect(self, method: bytes) -> None:
        """A request was sent."""
        self._method = method
        self.busy = False

    def _message(self, data: bytes, size: int) -> None:
        self._begun(Response(data, size, self._method), data, size)

    def _begun(self, head: Response, data: bytes, size: int) -> None:
        rest = b""
        if head.status < 200 and head.status != 101 and len(data) > size:
            data, rest = data[:size], data[size:]
        data, last = self._frame(data, size, head.length)
        if head.status < 200 and head.status != 101:
            self.busy = False
            self._held += rest
        self.on_head(head, data, last)


__all__ = ["CHUNKED", "UNTIL_CLOSE", "Reader", "RefusedError", "Request", "Requests", "Response", "Responses"]
