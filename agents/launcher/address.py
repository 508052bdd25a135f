"""Where an application listens, as people write it: 8080, auto, '[::1]:8080', '[::1]:auto', or unix:/path.

Pure. spec refuses what has another form, rules what makes no sense; plan chooses what is left open, and the sidecar and
the probes go there.
"""

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from meshcore.wire.ids import join

HOST = "127.0.0.1"  # where nothing else is said
UNIX = "unix:"
SOCKET_LIMIT = 107  # bytes that unix(7) has for a path


class Address(NamedTuple):
    """An IP address and a port (0: any that is free), or a Unix socket, which has no port."""

    host: str  # or unix:/path
    port: int = 0

    @property
    def path(self) -> str:
        """The path of the Unix socket, empty if it is none."""
        return self.host.removeprefix(UNIX) if self.host.startswith(UNIX) else ""

    def __str__(self) -> str:
        return self.host if self.path else join(self.host, self.port)

    @property
    def brief(self) -> str:
        """As little as says which one of this machine's it is."""
        return f"port {self.port}" if self.host == HOST else str(self)


AUTO = Address(HOST)


def parse(text: str | int) -> Address:
    """Return the parts of an address; raises ValueError."""
    if isinstance(text, int):
        return Address(HOST, _number(str(text)))
    if text.startswith(UNIX):
        if not text.removeprefix(UNIX) or "\0" in text:
            raise ValueError(f"{text!r} names no socket")
        return Address(text)
    if text == "auto":
        return AUTO
    host, _, port = text.rpartition(":")
    if "%" in host:
        raise ValueError(f"{text!r} belongs to one interface")
    ip = IPv6Address(host[1:-1]) if host[:1] + host[-1:] == "[]" else IPv4Address(host)
    return Address(str(ip), 0 if port == "auto" else _number(port))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise ValueError(f"{text!r} is no port")
    return int(text)
