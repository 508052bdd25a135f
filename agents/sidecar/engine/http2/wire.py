"""Numbers and layouts of RFC 9113: frame types, flags, settings, error codes, and frames that are built rarely.

Everything in engine/http2 reads them. DATA and HEADERS are packed where they are sent, without a call in between.
"""

import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9
HELLO: Final = 0xF1  # the mesh's own, between sidecars, on stream 0; others ignore it (section 5.5)

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6
ENABLE_CONNECT_PROTOCOL: Final = 8  # RFC 8441

NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
STREAM_CLOSED: Final = 5
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
CONNECT_ERROR: Final = 10
ENHANCE_YOUR_CALM: Final = 11
INADEQUATE_SECURITY: Final = 12
HTTP_1_1_REQUIRED: Final = 13
CODES: Final = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip

LOST: Final = -1  # no code of the RFC: the connection went away under its streams

DEFAULT_WINDOW: Final = 65_535
DEFAULT_FRAME: Final = 16_384
LARGEST_FRAME: Final = (1 << 24) - 1
LARGEST_WINDOW: Final = (1 << 31) - 1
LARGEST_ID: Final = (1 << 31) - 1
SMALL_ID: Final = (1 << 30) - 1  # up to here the reserved bit is not set, and Python's comparison is short

# A frame's head in three words: length and type, flags, stream.
FRAME: Final = struct.Struct(">LBL")
pack = FRAME.pack
# In small numbers, which cost less: the length in two, the form, the stream.
unpack = struct.Struct(">BHHL").unpack_from
# A frame's form is its type and its flags in one number.
LAST_DATA: Final = DATA << 8 | END_STREAM
ANY_DATA: Final = DATA << 8 | 0xFF
# Heads in one piece, without padding: whether the stream ends with it.
WHOLE_HEADS: Final = {HEADERS << 8 | END_HEADERS: False, HEADERS << 8 | END_HEADERS | END_STREAM: True}
PAIR: Final = struct.Struct(">HL")  # a setting


class ConnectionFault(Exception):
    """The peer broke the protocol; the connection ends with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return a whole frame."""
    return pack(len(payload) << 8 | kind, flags, stream) + payload


def settings(pairs: dict[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(PAIR.pack(key, value) for key, value in pairs.items()))


def window_update(stream: int, size: int) -> bytes:
    """Return a WINDOW_UPDATE frame."""
    return pack(4 << 8 | WINDOW_UPDATE, 0, stream) + size.to_bytes(4, "big")


def rst_stream(stream: int, code: int) -> bytes:
    """Return a RST_STREAM frame."""
    return pack(4 << 8 | RST_STREAM, 0, stream) + code.to_bytes(4, "big")


def goaway(last: int, code: int, reason: str = "") -> bytes:
    """Return a GOAWAY frame."""
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + reason.encode()[:100])
