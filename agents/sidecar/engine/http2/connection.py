"""An HTTP/2 connection, either role: frames in, callbacks out."""
from __future__ import annotations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .handler import Fields, Handler, Sink
    from .limits import Limits
    from .stream import Stream

CLIENT, SERVER = 1, 0


class Connection:
    """The state of one connection; `receive` what arrived, write what `take_output` gives."""

    def __init__(self, role: int, handler: Handler, limits: Limits) -> None:
        raise NotImplementedError

    def start(self, hello: bytes = b"") -> None:
        """Queue the preface (client role), SETTINGS and, between sidecars, HELLO."""

    def receive(self, data: bytes) -> None:
        """Take in bytes as they came from the transport."""

    def take_output(self) -> bytes:
        """Everything to write now; empties the output."""
        raise NotImplementedError

    def open(self, headers: Fields, end: bool, sink: Sink) -> Stream:
        """Client role: begin a request. Only while `room` is true."""
        raise NotImplementedError

    @property
    def room(self) -> bool:
        """Whether `open` may be called now: peer's limit on streams, no GOAWAY, identifiers left."""
        raise NotImplementedError

    def block(self) -> None:
        """The transport's buffer is full: DATA waits in its streams."""

    def unblock(self) -> None:
        """The transport took its buffer: go on sending DATA, fairly."""

    def shutdown(self, code: int = 0) -> None:
        """GOAWAY: take no new streams, let the open ones end."""

    def lost(self) -> None:
        """The transport is gone: every open stream hears `on_reset`."""
