"""Blocks to heads: decoded, looked at, and known again where the same bytes come again.

`Connection` has one and asks it for each head. A block that leaves the table alone means the same until the table
changes: clients and servers that say the same head again and again, as gRPC's do, have it decoded and looked at once.
What is kept is a few heads of a connection: those of fields that are in its table anyway, and short ones with strings
in them when they come for the second time, as from clients that never index `:path`; secrets are kept by nobody.
The encoder knows the fields of these again, too: they are a Section.
"""

from collections.abc import Callable
from typing import Any, Final

from . import fields as _fields
from .fields import UNTOLD, Field, Fields, MalformedError, Section
from .hpack import SHORT_BLOCK, Decoder, HpackError, OversizedError
from .limits import Limits
from .wire import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ConnectionFault

# Fields, what they are by name (of requests, or the digest of that), status, content-length. Shared by all that came
# alike: never changed.
Head = tuple[Fields, Any, int, int]

REQUEST: Final = 0  # as a status: what is not a reply
TRAILERS: Final = -1
_KNOWN: Final = 32  # heads of a connection; then all are forgotten. As many that have come only once
_SHORT: Final = 256  # bytes of a block with strings in it
_NONE: Final[dict[bytes, bytes]] = {}

# What stands for a request whose head is too large to be looked at.
LARGE: Final[Head] = (
    [
        (b":method", b"GET", False),
        (b":scheme", b"http", False),
        (b":authority", b"large", False),
        (b":path", b"/", False),
    ],
    _NONE,
    REQUEST,
    UNTOLD,
)


class LargeError(MalformedError):
    """A head larger than allowed, of a connection that can go on."""


class Heads:
    """The heads that come on one connection. Who finds a block in `known` need not ask for it.

    `digest`, if set, is given a request's fields by name; what it returns takes their place, also when they come again.
    """

    __slots__ = ("_decoder", "_limits", "_short", "digest", "known")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._decoder = Decoder(limits.header_block)
        self._short: Callable[[int], Field] = self._decoder.short.__getitem__
        self.known: dict[bytes, Head] = self._decoder.meanings
        self.digest: Callable[[dict[bytes, bytes]], Any] | None = None

    def request(self, block: bytes) -> Head:
        """Return a request's head; raises MalformedError or LargeError. ConnectionFault if it cannot be decoded."""
        headers = self.decode(block)
        found = _fields.request(headers, self._limits.connect)
        length = int(found[b"content-length"]) if b"content-length" in found else UNTOLD
        return self._keep(block, headers, found if self.digest is None else self.digest(found), REQUEST, length)

    def reply(self, block: bytes) -> Head:
        """Return a reply's head, of interim ones too; raises as `request` does."""
        headers = self.decode(block)
        status, length = _fields.reply(headers, self._limits.trusted)
        return self._keep(block, headers, _NONE, status, length)

    def trailers(self, block: bytes, trusted: bool) -> Head:
        """Return closing fields; raises as `request` does."""
        headers = self.decode(block)
        _fields.trailers(headers, trusted)
        return self._keep(block, headers, _NONE, TRAILERS, UNTOLD)

    def decode(self, block: bytes) -> list[Field]:
        """Return a block's fields as they are. Each block must come by here, or be known: the table depends on it."""
        if len(block) <= SHORT_BLOCK:
            try:
                return list(map(self._short, block))
            except KeyError:
                pass
        try:
            headers = self._decoder.decode(block)
        except HpackError as error:
            code = ENHANCE_YOUR_CALM if isinstance(error, OversizedError) else COMPRESSION_ERROR
            raise ConnectionFault(code, str(error)) from None
        if (len(block) > 4096 or len(headers) > SHORT_BLOCK) and _fields.weight(headers) > self._limits.header_list:
            raise LargeError("a head larger than allowed")
        return headers

    def _keep(self, block: bytes, headers: Fields, found: Any, status: int, length: int) -> Head:
        indexes = len(block) <= SHORT_BLOCK and min(block, default=0) >= 0x80
        if not indexes and not self._comes_again(block, headers):
            return headers, found, status, length
        if len(self.known) >= _KNOWN:
            self.known.clear()
        head = self.known[block] = (Section(headers), found, status, length)
        return head

    def _comes_again(self, block: bytes, headers: Fields) -> bool:
        """Tell whether a block with strings in it is worth keeping. One that changes the table has emptied `once`."""
        if len(block) > _SHORT:
            return False
        once, mark = self._decoder.once, hash(block)  # not the block: there may be secrets in it
        if mark in once:
            return not _fields.secret(headers)
        if len(once) >= _KNOWN:
            once.clear()
        once.add(mark)
        return False
