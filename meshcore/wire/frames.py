"""gRPC-Web frames: how protobuf messages travel over plain HTTP, through the Kubernetes API server.

A frame is one byte of flags, four bytes of length, and a message; the last one of an answer holds the trailers
(github.com/grpc/grpc, doc/PROTOCOL-WEB.md). One kind is our own: a sign of life, for streams in which nothing happens.
services/access writes them, client/api reads them. Pure.
"""

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import NamedTuple
from urllib.parse import quote, unquote

CONTENT_TYPE = "application/grpc-web+proto"
LARGEST = 64 << 20  # bytes of one message

_HEAD = Struct(">BI")
_TRAILERS = 0x80
_ALIVE = 0x40

ALIVE = _HEAD.pack(_ALIVE, 0)


class FrameError(Exception):
    """Bytes that are no frames; `str()` is one line."""


class Frame(NamedTuple):
    """A message, or the trailers that end an answer."""

    last: bool
    payload: bytes


def message(payload: bytes) -> bytes:
    """Return the frame of one message."""
    return _HEAD.pack(0, len(payload)) + payload


def trailers(fields: Mapping[str, str]) -> bytes:
    """Return the frame that ends an answer; values are percent-encoded, as grpc-message is."""
    text = "".join(f"{name}: {quote(value, safe='!#$&()*+,/:;=?@[]')}\r\n" for name, value in fields.items())
    payload = text.encode("ascii")
    return _HEAD.pack(_TRAILERS, len(payload)) + payload


def read_trailers(payload: bytes) -> dict[str, str]:
    """Return the fields of a last frame; lines that are none are left out."""
    found = {}
    for line in payload.decode("ascii", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip().lower()] = unquote(value.strip())
    return found


class Reader:
    """Bytes in, frames out; what is cut short waits for more."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are whole now; raises FrameError."""
        held = self._held
        held += data
        while len(held) >= _HEAD.size:
            flags, size = _HEAD.unpack_from(held)
            if flags not in (0, _TRAILERS, _ALIVE):
                raise FrameError(f"flags {flags:#04x} are none of gRPC-Web's: this is another protocol's answer")
            if size > self._largest:
                raise FrameError(f"a message of {size} bytes is larger than {self._largest}")
            end = _HEAD.size + size
            if len(held) < end:
                return
            payload = bytes(held[_HEAD.size : end])
            del held[:end]
            if flags != _ALIVE:
                yield Frame(flags == _TRAILERS, payload)

    @property
    def whole(self) -> bool:
        """Tell whether nothing of a frame is left over."""
        return not self._held
