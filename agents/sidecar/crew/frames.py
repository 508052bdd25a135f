"""Messages on a byte stream: four bytes of length, then one serialised message (worker.proto). Pure."""

from collections.abc import Iterator

LARGEST = 16 << 20  # bytes of one message


class FrameError(Exception):
    """Bytes that are no frames: the two ends are not of one version."""


def frame(message: bytes) -> bytes:
    """Return a serialised message as it travels."""
    return len(message).to_bytes(4, "big") + message


class Frames:
    """Bytes in, messages out."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the messages that are whole now; raises FrameError."""
        held = self._held
        held += data
        while len(held) >= 4:
            end = 4 + int.from_bytes(held[:4], "big")
            if end > 4 + LARGEST:
                raise FrameError(f"a message of {end - 4} bytes is larger than {LARGEST}")
            if len(held) < end:
                return
            message = bytes(held[4:end])
            del held[:end]
            yield message
