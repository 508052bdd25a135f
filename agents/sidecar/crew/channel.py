"""One end of the socket pair between the lead and a worker: messages out, messages in, and the end of the other side.

crew/member has the lead's end, agents/sidecar/worker the worker's. Whoever writes looks at `paused` first where it can
wait, so that a side that does not read holds up memory in neither.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from agents.sidecar.crew.frames import Frames, frame

Said = TypeVar("Said", bound=Message)


def _nothing() -> None:
    """Nobody waits for room."""


class Channel(asyncio.Protocol, Generic[Said]):
    """The end of one process."""

    def __init__(self, kind: type[Said], hear: Callable[[Said], None], lost: Callable[[], None]) -> None:
        self.paused = False  # the other side does not keep up
        self.room: Callable[[], None] = _nothing  # called when it does again
        self._kind = kind
        self._hear = hear
        self._lost = lost
        self._frames = Frames()
        self._transport: Any = None

    @property
    def waiting(self) -> int:
        """Return how many bytes the other side has yet to read, as far as this process holds them."""
        size: int = self._transport.get_write_buffer_size()
        return size

    async def open(self, end: socket.socket) -> None:
        """Begin to talk over one of a pair of sockets."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=end)

    def send(self, message: Message) -> None:
        """Send a message; to a side that has gone, nothing."""
        if not self._transport.is_closing():
            self._transport.write(frame(message.SerializeToString()))

    def close(self) -> None:
        """End it after what has been sent."""
        self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for message in self._frames.feed(data):
            self._hear(self._kind.FromString(message))

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.room()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost()
