"""Cutting a stream of bytes into lines, each of any length up to a bound; pure. A watch's events are lines."""


class LineTooLong(Exception):
    """A line that does not end within the bound."""


class Lines:
    """What has come of the line that is not whole yet; a line costs linear time however it is cut up."""

    def __init__(self, most: int = 64 << 20) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take some more bytes and return the lines they complete, without their ends."""
        *whole, rest = chunk.split(b"\n")
        if whole and self._parts:
            self._parts.append(whole[0])
            whole[0] = b"".join(self._parts)
            self._parts.clear()
            self._held = 0
        if rest:
            self._parts.append(rest)
            self._held += len(rest)
        if self._held > self._most:
            raise LineTooLong(f"a line of more than {self._most} bytes")
        return whole
