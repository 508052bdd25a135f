"""What a Connection calls: one Handler per connection, one Sink per stream.

The host's edges implement both. Callbacks run inside `Connection.receive` (or `unblock`), must not block, and may call
any method of the connection and of its streams, also for the stream that is being reported. Fields are the connection's
own, and may be told again: whoever wants others makes a list of its own.
"""

from typing import Any, Protocol

from .fields import Fields
from .stream import Stream


class Sink(Protocol):
    """Hears everything about one stream once it is open; the same object may serve both ends of a relay."""

    def on_headers(self, stream: Stream, headers: Fields, status: int, end: bool) -> None:
        """The reply's head (client role only); 1xx heads come here too, `end` is never true for them."""

    def on_data(self, stream: Stream, data: bytes, end: bool) -> bool | None:
        """A piece of body. True: all of it was taken in. Else the sink calls `stream.consumed`, now or later."""

    def on_trailers(self, stream: Stream, headers: Fields) -> None:
        """The closing fields; the peer has ended its side."""

    def on_reset(self, stream: Stream, code: int) -> None:
        """The stream died before both sides ended: reset or refused by the peer, or lost with its connection (LOST)."""

    def on_drained(self, stream: Stream) -> None:
        """Data that `send_data` had to queue went out: more is welcome."""


class Handler(Protocol):
    """Hears what concerns a whole connection."""

    def wake(self) -> None:
        """Output became non-empty: take it once, at the end of this loop turn."""

    def on_stream(self, stream: Stream, headers: Fields, fields: Any, end: bool) -> None:
        """Server role: a request began. Set `stream.sink` before returning, or reset.

        `fields` maps each name to its first value, pseudo-header fields included, or is what `Heads.digest` made of it.
        """

    def on_oversized(self, stream: Stream, end: bool) -> None:
        """Server role: a request began whose head is larger than allowed. Set `stream.sink` and answer it, or reset."""

    def on_excess(self) -> None:
        """Server role: the peer opened a stream more than it may. It is refused, and nothing else told of it."""

    def on_hello(self, payload: bytes) -> None:
        """The mesh's extension frame came."""

    def on_settings(self) -> None:
        """The peer's SETTINGS arrived or changed (`peer_streams`, `peer_connect`)."""

    def on_room(self) -> None:
        """Client role: a stream ended (told while `crowded` or `draining`), so `open` may succeed again."""

    def on_goaway(self, last: int, code: int) -> None:
        """The peer takes no new streams. Streams above `last` have heard `on_reset` with REFUSED_STREAM."""

    def on_failure(self, code: int, reason: str) -> None:
        """The connection is over: the peer broke the protocol. Write the output that is left (GOAWAY), then close."""


class Nobody:
    """The sink of streams that are over: it breaks the circle between a stream and whoever used it."""

    def on_headers(self, stream: Stream, headers: Fields, status: int, end: bool) -> None: ...
    def on_data(self, stream: Stream, data: bytes, end: bool) -> bool | None: ...
    def on_trailers(self, stream: Stream, headers: Fields) -> None: ...
    def on_reset(self, stream: Stream, code: int) -> None: ...
    def on_drained(self, stream: Stream) -> None: ...


NOBODY = Nobody()
