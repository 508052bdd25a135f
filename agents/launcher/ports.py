"""Ports of this machine: which are taken and by whom, free ones for applications, listening sockets for sidecars.

The listening sockets stay open here as long as the mesh runs, so that clients of a sidecar that is being restarted
wait in the queue instead of being refused.
"""

import contextlib
import errno
import random
import re
import socket
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from agents.launcher.address import HOST

BACKLOG = 1024
LOWEST = 20_000
LISTEN = "0A"  # state of a socket in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening socket: its port, and the descriptor that goes to the sidecar."""

    port: int
    fd: int

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"


class Ports:
    """What one launcher has taken."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._given: set[int] = set()
        # Below the range from which the kernel takes ports for outgoing connections, or one of those may come first.
        self._highest = max(LOWEST + 1000, _ephemeral() - 1)

    def free(self, host: str = HOST) -> int:
        """Return a port for an application to listen on at an address; the same one is given only once."""
        for _ in range(1000):
            port = random.randint(LOWEST, self._highest)  # noqa: S311 - no secret
            if port not in self._given and occupied(port, host) is None:
                self._given.add(port)
                return port
        raise OSError(errno.EADDRINUSE, "no free port was found")

    def listen(self) -> Listening:
        """Return a new listening socket on the loopback."""
        listening = socket.create_server((HOST, 0), backlog=BACKLOG)
        self._sockets.append(listening)
        return Listening(listening.getsockname()[1], listening.fileno())

    def close(self) -> None:
        for listening in self._sockets:
            listening.close()


def occupied(port: int, host: str = HOST) -> str | None:
    """Return why an application cannot listen on a port (0: on any), in words; None if it can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return "may not be used by this user"
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"cannot be used: {error.strerror}"
            owner = _owner(port)
            return f"is in use by {owner}" if owner else "is in use"
        # A listener that also allows reuse does not show in bind, only in listen.
        try:
            probe.listen(1)
        except OSError:
            return "is in use"
    return None


def listening() -> dict[int, set[str]]:
    """Return the ports on which programs of this machine listen, each with the addresses they do it at."""
    found: dict[int, set[str]] = {}
    for address, port, _ in _listeners():
        found.setdefault(port, set()).add(address)
    return found


def reachable(addresses: Collection[str], host: str = HOST) -> bool:
    """Tell whether somebody who listens at these addresses is found at one of them."""
    wanted = {host, "::"} if ":" in host else {host, "0.0.0.0", "::", f"::ffff:{host}"}
    return not wanted.isdisjoint(addresses)


def _listeners() -> list[tuple[str, int, str]]:
    """Return address, port and inode of every listening TCP socket."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN:
                    address, _, port = fields[1].partition(":")
                    found.append((_address(address), int(port, 16), fields[9]))
    return found


def _address(text: str) -> str:
    """Return an address of /proc/net/tcp, which is hexadecimal in groups of four bytes, each in the machine's order."""
    groups = [bytes.fromhex(text[i : i + 8]) for i in range(0, len(text), 8)]
    raw = b"".join(group[::-1] if sys.byteorder == "little" else group for group in groups)
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _owner(port: int) -> str | None:
    """Return the program that listens on a port, as far as this user may know."""
    inodes = {f"socket:[{inode}]" for _, other, inode in _listeners() if other == port}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if str(descriptor.readlink()) in inodes:
                    return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return None


def _ephemeral() -> int:
    try:
        low = re.match(r"\d+", Path("/proc/sys/net/ipv4/ip_local_port_range").read_text())
    except OSError:
        low = None
    return int(low[0]) if low else 32_768
