"""One HTTP/2 stream: what its user may send, and the windows between the user and the connection."""
from __future__ import annotations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .connection import Connection
    from .handler import Fields, Sink


class Stream:
    """Made by `Connection.open` (client role) or handed to `Handler.on_stream` (server role)."""

    __slots__ = ("connection", "id", "read_bytes", "sent_bytes", "sink")

    connection: Connection
    id: int
    sink: Sink
    read_bytes: int
    sent_bytes: int

    def send_headers(self, headers: Fields, end: bool = False) -> None:
        """A reply's head (server role), informational ones included."""
        raise NotImplementedError

    def send_data(self, data: bytes, end: bool = False) -> bool:
        """True when all of it went to the output; False when windows or the transport made it wait (`on_drained`)."""
        raise NotImplementedError

    def send_trailers(self, headers: Fields) -> None:
        """Closing fields; they follow whatever data still waits."""
        raise NotImplementedError

    def reset(self, code: int) -> None:
        """End the stream now. Nothing is reported about it afterwards."""
        raise NotImplementedError

    def consumed(self, size: int) -> None:
        """Give the peer `size` bytes of window back."""
        raise NotImplementedError
