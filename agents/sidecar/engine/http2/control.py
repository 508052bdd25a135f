"""Frames that carry neither heads nor data: settings, windows, resets, pings, goodbyes, and the mesh's HELLO.

`Connection` hands over what its receive loop has no time for. Whatever asks for an answer, or
answers what nobody asked, costs the peer from its budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .limits import ANSWERED, EMPTY, UPDATES, UPDATES_KEPT
from .wire import (
    ACK,
    DEFAULT_FRAME,
    ENABLE_CONNECT_PROTOCOL,
    ENABLE_PUSH,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADER_TABLE_SIZE,
    HELLO,
    INITIAL_WINDOW_SIZE,
    LARGEST_FRAME,
    LARGEST_ID,
    LARGEST_WINDOW,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    PAIR,
    PING,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ConnectionFault,
    frame,
)

if TYPE_CHECKING:
    from .connection import Connection
    from .stream import Stream

_HELLO = 4096  # bytes


def dispatch(connection: Connection, kind: int, flags: int, number: int, payload: bytes) -> None:
    """Act on one frame."""
    if kind == WINDOW_UPDATE:
        _window_update(connection, number, payload)
    elif kind == RST_STREAM:
        _size(payload, 4)
        if not number:
            raise ConnectionFault(PROTOCOL_ERROR, "reset of stream 0")
        connection.reset_by_peer(number, int.from_bytes(payload, "big"))
    elif kind == PING:
        _on_zero(number)
        _size(payload, 8)
        if flags & ACK:
            connection.asked -= 1
            if connection.asked >= 0:
                connection.pongs += 1
            else:
                connection.asked = 0
                connection.spend(EMPTY, "unasked acknowledgements")
            return
        connection.spend(ANSWERED, "pings")
        _answer(connection, frame(PING, ACK, 0, payload))
    elif kind == SETTINGS:
        _on_zero(number)
        _settings(connection, flags, payload)
    elif kind == GOAWAY:
        _on_zero(number)
        _goaway(connection, payload)
    elif kind == PRIORITY:
        _priority(connection, number, payload)
    elif kind == PUSH_PROMISE:
        raise ConnectionFault(PROTOCOL_ERROR, "pushes are not wanted")
    elif kind == HELLO and not number and len(payload) <= _HELLO:
        connection.spend(ANSWERED, "hellos")
        connection.handler.on_hello(payload)
    else:
        connection.spend(EMPTY, "unknown frames")


def _size(payload: bytes, size: int) -> None:
    if len(payload) != size:
        raise ConnectionFault(FRAME_SIZE_ERROR, "a frame of a wrong size")


def _on_zero(number: int) -> None:
    if number:
        raise ConnectionFault(PROTOCOL_ERROR, "a connection's frame on a stream")


def _answer(connection: Connection, data: bytes) -> None:
    if not connection.out:
        connection.wake()
    connection.out.append(data)


def _window_update(connection: Connection, number: int, payload: bytes) -> None:
    _size(payload, 4)
    size = int.from_bytes(payload, "big") & 0x7FFFFFFF
    earned = connection.written + connection.opened
    free = connection.updates + (earned - connection.earned) * UPDATES
    connection.earned = earned
    if free:
        connection.updates = min(free, UPDATES_KEPT) - 1
    else:
        connection.spend(EMPTY, "window updates")
    if not number:
        connection.window += size
        if not size:
            raise ConnectionFault(PROTOCOL_ERROR, "a window opened by nothing")
        if connection.window > LARGEST_WINDOW:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "a window larger than 2^31-1")
        connection.pump()
        return
    stream = connection.streams.get(number)
    if stream is None:
        if connection.idle(number):
            raise ConnectionFault(PROTOCOL_ERROR, "a window on an idle stream")
        return
    stream.window += size
    if not size:
        connection.fault(stream, PROTOCOL_ERROR)
    elif stream.window > LARGEST_WINDOW:
        connection.fault(stream, FLOW_CONTROL_ERROR)
    else:
        _opened(connection, stream)
        connection.pump()


def _opened(connection: Connection, stream: Stream) -> None:
    """A stream's window changed: what waits in it may have its turn."""
    if stream.queue is not None and stream.window > 0:
        connection.ready[stream] = None


def _settings(connection: Connection, flags: int, payload: bytes) -> None:
    if flags & ACK:
        _size(payload, 0)
        connection.unsettled -= 1
        if connection.unsettled < 0:
            connection.unsettled = 0
            connection.spend(EMPTY, "unasked acknowledgements")
        return
    if len(payload) % 6:
        raise ConnectionFault(FRAME_SIZE_ERROR, "SETTINGS of a wrong size")
    connection.spend(ANSWERED + len(payload) // 60, "settings")
    window = connection.peer_window
    for key, value in PAIR.iter_unpack(payload):
        if key == INITIAL_WINDOW_SIZE:
            if value > LARGEST_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "an initial window larger than 2^31-1")
            window = value  # the last one counts: not every stream is touched for each of thousands
        else:
            _setting(connection, key, value)
    if window != connection.peer_window:
        _initial_window(connection, window)
    _answer(connection, frame(SETTINGS, ACK, 0, b""))
    connection.handler.on_settings()
    connection.pump()


def _initial_window(connection: Connection, size: int) -> None:
    change = size - connection.peer_window
    connection.peer_window = size
    for stream in connection.streams.values():
        stream.window += change
        if stream.window > LARGEST_WINDOW:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "a window larger than 2^31-1")
        _opened(connection, stream)


def _setting(connection: Connection, key: int, value: int) -> None:
    if key == MAX_FRAME_SIZE:
        if not DEFAULT_FRAME <= value <= LARGEST_FRAME:
            raise ConnectionFault(PROTOCOL_ERROR, "a frame size that is not allowed")
        connection.peer_frame = min(value, 1 << 16)  # fair to other streams, and one record's worth or few
        connection.frame_room = connection.peer_frame if connection.frame_room else 0
    elif key == HEADER_TABLE_SIZE:
        connection.encoder.resize(value)
    elif key == MAX_CONCURRENT_STREAMS:
        connection.peer_streams = value
    elif key == MAX_HEADER_LIST_SIZE:
        connection.peer_header_list = value
    elif key == ENABLE_PUSH:
        if value > 1:
            raise ConnectionFault(PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")
    elif key == ENABLE_CONNECT_PROTOCOL:
        if value > 1 or (connection.peer_connect and not value):
            raise ConnectionFault(PROTOCOL_ERROR, "ENABLE_CONNECT_PROTOCOL is 0 or 1, and stays 1")
        connection.peer_connect = bool(value)


def _goaway(connection: Connection, payload: bytes) -> None:
    if len(payload) < 8:
        raise ConnectionFault(FRAME_SIZE_ERROR, "GOAWAY of a wrong size")
    connection.spend(ANSWERED, "goodbyes")
    last = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
    if last < LARGEST_ID:  # else it is announced only, and streams are taken until the next one (section 6.8)
        connection.draining = True
    if connection.role:  # a client's streams above `last` were never looked at: safe to send again
        connection.end_streams(last, REFUSED_STREAM)
    connection.handler.on_goaway(last, int.from_bytes(payload[4:8], "big"))


def _priority(connection: Connection, number: int, payload: bytes) -> None:
    """Priorities are read for their form only (RFC 9113 section 5.3.2)."""
    if not number:
        raise ConnectionFault(PROTOCOL_ERROR, "PRIORITY of stream 0")
    connection.spend(EMPTY, "priorities")
    stream = connection.streams.get(number)
    if len(payload) != 5:
        if stream is None:
            _size(payload, 5)
        else:
            connection.fault(stream, FRAME_SIZE_ERROR)
    elif int.from_bytes(payload[:4], "big") & 0x7FFFFFFF == number:
        if stream is None:
            raise ConnectionFault(PROTOCOL_ERROR, "a stream depends on itself")
        connection.fault(stream, PROTOCOL_ERROR)
