"""What is said over the wire: requests and answers of every load, byte for byte.

Generator, origin and the load generators of others take them from here, so that what one sends the other expects.
"""

import base64
import hashlib

HTTP_PATH = "/bench"
UNARY, STREAM = "/bench.Echo/Unary", "/bench.Echo/Stream"

# gRPC messages with their five bytes of length, and nothing compressed.
REQUEST = b"\0\0\0\0\x20" + b"x" * 32
REPLY = b"\0\0\0\0\x20" + b"y" * 32

_HTTP_BODY = b"x" * 100

# WebSocket (RFC 6455): one binary frame of 32 bytes, masked by the client as section 5.3 asks.
_MASK = b"\x37\xfa\x21\x3d"
_PAYLOAD = b"z" * 32
ASK_FRAME = b"\x82\xa0" + _MASK + bytes(byte ^ _MASK[i % 4] for i, byte in enumerate(_PAYLOAD))
ECHO_FRAME = b"\x82\x20" + _PAYLOAD
_KEY = base64.b64encode(b"0123456789abcdef")
_ACCEPT = base64.b64encode(hashlib.sha1(_KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest())
UPGRADE = (
    b"GET /bench HTTP/1.1\r\nhost: bench\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: %b\r\n\r\n" % _KEY
)
UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: %b\r\n\r\n"
    % _ACCEPT
)


def http_request(size: int) -> bytes:
    """Return an HTTP/1.1 request, with a body of `size` bytes if that is not 0."""
    if not size:
        return b"GET %b HTTP/1.1\r\nhost: bench\r\n\r\n" % HTTP_PATH.encode()
    head = b"POST %b HTTP/1.1\r\nhost: bench\r\ncontent-length: %d\r\n\r\n" % (HTTP_PATH.encode(), size)
    return head + b"b" * size


def http_answer(size: int) -> bytes:
    """Return the answer to it: as large a body, or a small one to a request without."""
    body = b"b" * size or _HTTP_BODY
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
