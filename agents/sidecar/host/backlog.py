"""How much a connection's own socket has not taken yet, for the process's count of bytes that wait.

Protocols ask when they are told to pause. Streams of the hop are no sockets: the engine adds up what waits in them.
"""

from typing import Any


def backlog(transport: Any) -> int:
    """Return how many bytes wait in a transport; 0 if it is a stream, whose bytes are counted where they are."""
    if transport.get_extra_info("socket") is None:
        return 0
    size: int = transport.get_write_buffer_size()
    return size
