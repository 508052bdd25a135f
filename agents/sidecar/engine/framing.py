"""HTTP/1 framing: where a message begins and ends in a stream of bytes (RFC 9112, sections 6 to 9).

A `Reader` is told what arrived by `receive` and `eof`, and calls `on_body` and `on_refused`. Bytes are handed on as
they came, but only after they were understood. After a message the reader is busy, and looks at nothing of the next.
engine/http1 reads requests and responses with it. No I/O.
"""

import re

from agents.sidecar.engine.head import UNTIL_CLOSE, RefusedError, trailers

HEAD_LIMIT = 32 * 1024
_CHUNK_LINE_LIMIT = 512
BLANK = b"\r\n\r\n"
# A size line, with the CRLF that ends the chunk before it. Extensions: RFC 9112, 7.1.1.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = rb"\"[\t\x20\x21\x23-\x5b\x5d-\x7e]*+\""
_EXT = rb"(?:[ \t]*+;[ \t]*+" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*+"
_FIRST_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15}+)" + _EXT + rb"\r\n")
_NEXT_SIZE = re.compile(rb"\r\n([0-9A-Fa-f]{1,15}+)" + _EXT + rb"\r\n")

# What the next bytes are.
HEAD, _LENGTH, _SIZE, _CHUNK, _TRAILERS, _CLOSE, _TUNNEL, _DEAD = range(8)


class Reader:
    """One direction of one connection. `busy`: a message was read whole and its successor has to wait."""

    __slots__ = ("_held", "_left", "_phase", "_running", "_searched", "_size", "busy", "trailers")
    wrong = 400  # the status of a head that is none

    def __init__(self) -> None:
        self.busy = False
        self.trailers = b""
        self._held = bytearray()  # received, not yet understood
        self._searched = 0  # how much of it is known to have no blank line
        self._phase = HEAD
        self._left = 0
        self._size = _FIRST_SIZE
        self._running = False

    # What a host overrides.

    def on_body(self, data: bytes, last: bool) -> None:
        """More of the message; `last` ends it. Also the bytes of a tunnel."""

    def on_refused(self, error: RefusedError) -> None:
        """What came is not HTTP; nothing more is read."""

    def on_surplus(self) -> None:
        """Bytes came while the reader was busy; they are kept."""

    def _message(self, data: bytes, size: int) -> None:
        raise NotImplementedError

    def _unended(self, size: int) -> None:
        """So many bytes of a first line have come, and not its end."""

    # What a host calls.

    def receive(self, data: bytes) -> None:
        """Take in what arrived."""
        phase = self._phase
        if phase == _TUNNEL:
            self.on_body(data, False)
        elif self.busy:
            if phase != _DEAD:
                self._held += data
                self.on_surplus()
        elif (phase == _LENGTH or (phase == _CHUNK and not self._held)) and len(data) < self._left:
            self._left -= len(data)
            self.on_body(data, False)
        elif phase == _CLOSE:
            self.on_body(data, False)
        else:
            self._held += data
            self._advance()

    def eof(self) -> bool:
        """The other end has stopped sending. Returns False if that cut a message short."""
        if self._phase == _CLOSE:
            self._phase = HEAD
            self.busy = True
            self.on_body(b"", True)
            return True
        return (self._phase == HEAD and not self._held) or self._phase == _TUNNEL or self.busy

    def tunnel(self) -> bytes:
        """From here on, both directions are bytes without meaning; returns what had come already."""
        self._phase = _TUNNEL
        self.busy = False
        held, self._held = bytes(self._held), bytearray()
        return held

    def stop(self) -> None:
        """Read nothing more."""
        self._phase = _DEAD
        self.busy = True
        self._held.clear()

    @property
    def idle(self) -> bool:
        """Tell whether it stands between two messages, with nothing received of the next."""
        return self._phase == HEAD and not self._held

    @property
    def held(self) -> int:
        """How many bytes wait to be understood."""
        return len(self._held)

    # How it is done.

    def _advance(self) -> None:
        """Understand as much as possible of what is held."""
        if self._running:
            return
        self._running = True
        try:
            while self._held and not self.busy:
                if not self._step():
                    break
        except RefusedError as error:
            self._refuse(error)
        finally:
            self._running = False

    def _refuse(self, error: RefusedError) -> None:
        self.stop()
        self.on_refused(error)

    def _step(self) -> bool:
        """Understand one piece; False: more bytes are needed."""
        held, phase = self._held, self._phase
        if phase == HEAD:
            return self._begin()
        data = bytes(held)
        if phase == _LENGTH:
            taken = min(self._left, len(data))
            self._left -= taken
            held.clear()
            self._pass(data, taken, self._left == 0)
        elif phase in (_CLOSE, _TUNNEL):
            held.clear()
            self.on_body(data, False)
        else:
            at = self._chunks(data, 0)
            held.clear()
            if at < len(data):
                held += data[at:]
            if at:
                done = self._phase == HEAD
                self.busy = done
                self.on_body(data[:at], done)
            return bool(at)
        return True

    def _pass(self, data: bytes, taken: int, last: bool) -> None:
        if taken < len(data):
            self._held += data[taken:]
            data = data[:taken]
        if last:
            self._phase = HEAD
            self.busy = True
        self.on_body(data, last)

    def _begin(self) -> bool:
        held = self._held
        while held[:2] == b"\r\n":  # RFC 9112, 2.2: empty lines before a message are ignored
            del held[:2]
            self._searched = 0
        end = held.find(BLANK, self._searched)
        if end < 0:
            line = held.find(b"\n")
            if line < 0:
                self._unended(len(held))
            if len(held) > HEAD_LIMIT:
                raise RefusedError(431, "head-too-long")
            if line >= 0 and held[line - 1 : line] != b"\r":
                raise RefusedError(self.wrong, "bad-head")  # a blank line of bare LFs would be waited on for ever
            self._searched = max(0, len(held) - 3)
            return False
        if end > HEAD_LIMIT:
            raise RefusedError(431, "head-too-long")
        data = bytes(held)
        held.clear()
        self._searched = 0
        self._message(data, end + 4)
        return True

    def _frame(self, data: bytes, size: int, length: int) -> tuple[bytes, bool]:
        """Begin a message whose head takes `size` bytes: returns its bytes in `data`, and whether that is all."""
        total = size + length
        there = len(data)
        if length >= 0:
            if there == total:
                self.busy = True
                return data, True
            if there > total:
                self.busy = True
                self._held += data[total:]
                return data[:total], True
            self._left = total - there
            self._phase = _LENGTH
            return data, False
        if length == UNTIL_CLOSE:
            self._phase = _CLOSE
            return data, False
        self._phase = _SIZE
        self._size = _FIRST_SIZE
        self.trailers = b""
        at = self._chunks(data, size)
        if at < there:
            self._held += data[at:]
            data = data[:at]
        self.busy = self._phase == HEAD
        return data, self.busy

    def _chunks(self, data: bytes, at: int) -> int:
        """Walk over chunks from `at`; returns where what is understood ends. The phase is HEAD after the last."""
        there = len(data)
        while True:
            if self._phase == _CHUNK:
                taken = min(self._left, there - at)
                self._left -= taken
                at += taken
                if self._left:
                    return at
                self._phase = _SIZE
                self._size = _NEXT_SIZE
            if self._phase == _SIZE:
                match = self._size.match(data, at)
                if match is None:
                    if data.find(b"\n", at + 2) >= 0 or there - at > _CHUNK_LINE_LIMIT:
                        raise RefusedError(400, "bad-chunk")
                    return at
                if match.end() - at > _CHUNK_LINE_LIMIT:
                    raise RefusedError(400, "bad-chunk")
                at = match.end()
                self._left = int(match[1], 16)
                self._phase = _CHUNK if self._left else _TRAILERS
            else:
                if data.startswith(b"\r\n", at):
                    end = at + 2
                else:
                    end = data.find(BLANK, at) + 4
                    if end < 4:
                        if there - at > HEAD_LIMIT:
                            raise RefusedError(400, "trailers-too-long")
                        return at
                    if end - at > HEAD_LIMIT:
                        raise RefusedError(400, "trailers-too-long")
                    if not trailers(data[at:end]):
                        raise RefusedError(400, "bad-trailers")
                    self.trailers = data[at:end]
                self._phase = HEAD
                return end
