"""Accepted connections change hands: the lead sends descriptors, a worker receives them.

A sidecar's peers keep few connections, and keep them long: shared out by the kernel (SO_REUSEPORT), three of them may
all land on one process and stay there. So the lead accepts, and gives each to the process with the fewest clients.
What a dead worker would have got, the others get; there is no queue in the kernel that only it could serve.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Sequence

from agents.sidecar.host.listener import Listener

_AT_ONCE = 16
_PAUSE_S = 0.5
_START = 16  # descriptors that the start of a worker takes, some for a moment, and a few


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the lead's and the worker's end of what descriptors travel on, each with its own message."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return ours, theirs


def room() -> None:
    """Raise OSError unless there are descriptors for the start of a worker.

    When uvloop is short of one halfway, it keeps those that it has opened by then, for good.
    """
    taken: list[int] = []
    try:
        while len(taken) < _START:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    finally:
        for each in taken:
            os.close(each)


def give(hand: socket.socket, listener: int, accepted: socket.socket) -> bool:
    """Hand a connection over; False if the worker is not able to take it."""
    try:
        socket.send_fds(hand, [listener.to_bytes(2, "big")], [accepted.fileno()])
    except OSError:
        return False  # it is behind, or has ended, and will be seen to have
    accepted.close()
    return True


class Taker:
    """A worker's end."""

    def __init__(self, hand: socket.socket, listeners: Sequence[Listener], log: logging.Logger) -> None:
        self.taken = 0
        self._hand = hand
        self._listeners = listeners
        self._log = log
        self._loop = asyncio.get_running_loop()
        hand.setblocking(False)
        self._loop.add_reader(hand, self._take)

    def finish(self) -> None:
        """Take what has been handed over, and no more. The lead has closed its end."""
        while self._hand.fileno() >= 0 and self._one():
            continue
        self.stop()

    def stop(self) -> None:
        """Take no more."""
        if self._hand.fileno() >= 0:
            self._loop.remove_reader(self._hand)
            self._hand.close()

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            # A descriptor that does not fit is lost with its connection: what cannot be taken stays where it is.
            try:
                os.close(os.dup(self._hand.fileno()))
            except OSError as error:
                self._pause(error)
                return
            if not self._one():
                return

    def _one(self) -> bool:
        """Take one connection; False if there is none."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._hand, 2, 1, socket.MSG_CMSG_CLOEXEC)
        except (BlockingIOError, InterruptedError):
            return False
        if not message:
            self.stop()  # the lead hands over no more
            return False
        self.taken += 1
        if descriptors:
            self._listeners[int.from_bytes(message, "big")].take(socket.socket(fileno=descriptors[0]))
        return True

    def _pause(self, error: OSError) -> None:
        self._loop.remove_reader(self._hand)
        self._loop.call_later(_PAUSE_S, self._resume)
        self._log.warning("taking connections pauses: %s", error.strerror)

    def _resume(self) -> None:
        if self._hand.fileno() >= 0:
            self._loop.add_reader(self._hand, self._take)
