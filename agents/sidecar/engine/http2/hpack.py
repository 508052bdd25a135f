"""HPACK (RFC 7541): fields to bytes and back, with both tables kept where Python looks things up without a loop.

`Connection` has one of each. On a connection in use nearly every field of a head is one byte, an index: such a block is
decoded by one `map` over its bytes, into the very same objects each time, and encoded by one `map` over its fields.
Strings in Huffman code are jh2's business.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from jh2._hazmat import Decoder as _HuffmanDecoder
from jh2._hazmat import Encoder as _HuffmanEncoder
from jh2._hazmat import HPACKError

from .fields import Field, Fields
from .wire import HEADERS

SHORT_BLOCK: Final = 15  # so many entries of the table are never too much
TABLE: Final = 4096  # bytes, as both sides begin; our encoder never has more
_OVERHEAD: Final = 32  # section 4.1: what an entry counts besides its strings
_BLOCKS: Final = 256  # heads that are remembered; then all are forgotten
_SEEN: Final = 256  # fields that were sent once and are worth an entry when they come again
# Used with literals that leave no trace in their tables, so one of each does for all connections.
_huffman_decode = _HuffmanDecoder(1 << 24).decode
_huffman_encode = _HuffmanEncoder().encode
_SHORT: Final = 100  # of a string in Huffman code that is remembered
_STRINGS: Final = 100  # so many
_LARGEST: Final = 1024  # a field that would take more of the table is not put there

_NAMES = (
    ":authority :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https :status=200 :status=204"
    " :status=206 :status=304 :status=400 :status=404 :status=500 accept-charset accept-encoding=gzip,_deflate"
    " accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control"
    " content-disposition content-encoding content-language content-length content-location content-range content-type"
    " cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since"
    " last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after"
    " server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate"
)
STATIC: Final[tuple[Field, ...]] = tuple(
    (name.encode(), value.replace("_", " ").encode(), False)
    for name, _, value in (entry.partition("=") for entry in _NAMES.split())
)
_STATIC_SIZE: Final = len(STATIC)
_STATIC_FIELD: Final = {field: index for index, field in enumerate(STATIC, 1)}
_STATIC_NAME: Final = {field[0]: index for index, field in reversed(list(enumerate(STATIC, 1)))}


class HpackError(Exception):
    """A block that cannot be decoded; the connection is lost with it (section 2.3.3 and others)."""


class OversizedError(HpackError):
    """A block that decodes to more than is allowed."""


def _weight(field: Field) -> int:
    return len(field[0]) + len(field[1]) + _OVERHEAD


class _Table:
    """The dynamic table: newest first, as indexes count."""

    __slots__ = ("fields", "limit", "size")

    def __init__(self) -> None:
        self.fields: deque[Field] = deque()
        self.size = 0
        self.limit = TABLE

    def add(self, field: Field) -> None:
        weight = _weight(field)
        self._shrink(self.limit - weight)
        if weight <= self.limit:
            self.fields.appendleft(field)
            self.size += weight

    def resize(self, limit: int) -> None:
        self.limit = limit
        self._shrink(limit)

    def _shrink(self, size: int) -> None:
        while self.fields and self.size > size:
            self.size -= _weight(self.fields.pop())


class Decoder:
    """Blocks to fields. `limit` bounds what a block may decode to.

    Whoever has a block of at most SHORT_BLOCK bytes may try `short` on each of them before.
    """

    __slots__ = ("_few", "_limit", "_strings", "_table", "meanings", "short")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._few = min(60, limit // (TABLE + _OVERHEAD))  # so many fields of the table cannot be too much
        self._table = _Table()
        self.short: dict[int, Field] = {0x80 | index: field for index, field in enumerate(STATIC, 1)}
        self._strings: dict[bytes, bytes] = {}  # in Huffman code, with their length in front
        self.meanings: dict[bytes, Any] = {}  # its user's, of blocks of indexes alone: emptied when these change

    def decode(self, block: bytes) -> list[Field]:
        """Return a block's fields, or raise HpackError."""
        fields: list[Field] = []
        short, strings = self.short, self._strings
        at, end = 0, len(block)
        while at < end:
            byte = block[at]
            field = short.get(byte)
            if field is not None:
                at += 1
                fields.append(field)
                continue
            if byte & 0xE0 == 0x20:
                at = self._update(block, at, bool(fields))
                continue
            if byte & 0x80:
                index, at = _integer(block, at, 0x7F)
                fields.append(self._field(index))
                continue
            mask = 0x3F if byte & 0x40 else 0x0F
            index = byte & mask
            if index == mask:
                index, at = _integer(block, at, mask)
            else:
                at += 1
            if not index:
                name, at = self._string(block, at)
            elif index <= _STATIC_SIZE:
                name = STATIC[index - 1][0]
            else:
                name = self._field(index)[0]
            # Clients that never index :path and content-length say the same strings in Huffman code again and again.
            stop = at + 1 + (block[at] & 0x7F) if at < end else at
            value = strings.get(block[at:stop])
            if value is None:
                value, at = self._string(block, at, not byte & 0x10)
            else:
                at = stop
            field = (name, value, byte & 0x50 == 0x10)
            if byte & 0x40:
                self._table.add(field)
                self._reindex()
            fields.append(field)
        # Entries of the table are shared, so until here a bomb has cost no more than its own length.
        if (len(fields) > self._few or end > self._limit >> 4) and sum(map(_weight, fields)) > self._limit:
            raise OversizedError("a block that decodes to too much")
        return fields

    def _update(self, block: bytes, at: int, late: bool) -> int:
        """The size of the table changes (section 6.3); returns where that ends."""
        size, at = _integer(block, at, 0x1F)
        if late:
            raise HpackError("a table size update after a field")
        if size > TABLE:
            raise HpackError("a table larger than allowed")
        self._table.resize(size)
        self._reindex()
        return at

    def _field(self, index: int) -> Field:
        table = self._table.fields
        if index <= _STATIC_SIZE:
            if not index:
                raise HpackError("index 0")
            return STATIC[index - 1]
        if index - _STATIC_SIZE > len(table):
            raise HpackError("an index beyond the table")
        return table[index - _STATIC_SIZE - 1]

    def _string(self, block: bytes, at: int, keep: bool = True) -> tuple[bytes, int]:
        if at >= len(block):
            raise HpackError("a block that is cut short")
        start = at
        size = first = block[at]
        if size < 0x7F:
            at += 1
        else:
            size, at = _integer(block, at, 0x7F)
        end = at + size
        if end > len(block):
            raise HpackError("a block that is cut short")
        if first < 0x80:
            return block[at:end], end
        coded = block[start:end]
        try:
            ((_, value, _),) = _huffman_decode(b"\0\0" + coded, True)
        except HPACKError:
            raise HpackError("a string that is no Huffman code") from None
        # Padding is ones, and fewer than eight of them (section 5.2): there is one way to code a string.
        if block[at:end] != _huffman_encode([(b"", value, True)], True)[-size:] and size:
            raise HpackError("a string in Huffman code with wrong padding")
        if keep and size < _SHORT:
            if len(self._strings) >= _STRINGS:
                self._strings.clear()
            self._strings[coded] = value
        return value, end

    def _reindex(self) -> None:
        """Fields have other indexes now: bytes 0xBE to 0xFE name the newest 65 of the dynamic table."""
        self.meanings.clear()
        short = self.short
        byte = 0x80 | _STATIC_SIZE
        for field in self._table.fields:
            byte += 1
            if byte == 0xFF:
                return
            short[byte] = field
        for gone in range(byte + 1, 0xFF):
            if short.pop(gone, None) is None:
                return


class Encoder:
    """Fields to blocks: what `lookup` gives for each. A field gets its entry when it is sent for the second time."""

    __slots__ = ("_added", "_known", "_numbers", "_seen", "_smallest", "_table", "_updated", "blocks", "lookup")

    def __init__(self) -> None:
        self._table = _Table()
        self._known = _Known(self)  # a field's bytes, as long as indexes stay
        self.lookup: Callable[[Field], bytes] = self._known.__getitem__
        # Of sections by `id`: the fields, a HEADERS frame's first word, the block, as long as indexes stay (`again`).
        self.blocks: dict[int, tuple[Fields, int, bytes]] = {}
        self._numbers: dict[Field, int] = {}  # of those in the table: how many had been added before
        self._added = 0
        self._seen: dict[Field, None] = {}
        self._updated = False  # the peer must be told of the table's size
        self._smallest = TABLE

    def encode(self, fields: Fields) -> bytes:
        """Return a block."""
        return b"".join(map(self.lookup, fields))

    def again(self, fields: Fields) -> bytes:
        """Return the block of a section; kept in `blocks` if it is indexes alone."""
        block = b"".join(map(self.lookup, fields))
        if len(block) == len(fields):  # whatever is no index takes more than a byte
            if len(self.blocks) >= _BLOCKS:
                self.blocks.clear()
            self.blocks[id(fields)] = (fields, len(block) << 8 | HEADERS, block)
        return block

    def resize(self, limit: int) -> None:
        """Keep to the peer's limit of the table's size, from the next block on."""
        limit = min(limit, TABLE)
        if limit == self._table.limit:
            return
        self._smallest = min(self._smallest, limit)
        self._updated = True
        before = len(self._table.fields)
        self._table.resize(limit)
        self._evicted(before)
        self._forget()

    def represent(self, field: Field) -> bytes:
        """Return the bytes of a field that is not known, and know it where that is worth it."""
        if self._updated:  # nothing is known after a `resize`, so this is where the next block begins
            return self._updates() + self.represent(field)
        index = _STATIC_FIELD.get(field, 0)
        number = self._numbers.get(field)
        if number is not None:
            index = _STATIC_SIZE + self._added - number
        if index:
            made = self._known[field] = _number(index, 0x7F, 0x80)
            return made
        name, _, never = field
        index = _STATIC_NAME.get(name, 0)
        if never or _weight(field) > min(_LARGEST, self._table.limit):
            return _literal(index, field, 0x0F, 0x10 if never else 0)
        if field not in self._seen:
            self._seen[field] = None
            if len(self._seen) > _SEEN:
                del self._seen[next(iter(self._seen))]
            return _literal(index, field, 0x0F, 0)
        del self._seen[field]
        before = len(self._table.fields)
        self._table.add(field)
        self._evicted(before + 1)
        self._numbers[field] = self._added
        self._added += 1
        self._forget()
        return _literal(index, field, 0x3F, 0x40)

    def _forget(self) -> None:
        """Fields have other indexes now."""
        self._known.clear()
        self.blocks.clear()

    def _evicted(self, before: int) -> None:
        """Forget the numbers of fields that had to leave the table: the oldest ones."""
        for _ in range(before - len(self._table.fields)):
            del self._numbers[next(iter(self._numbers))]

    def _updates(self) -> bytes:
        """Section 4.2: the smallest size that there was in between, then the one that counts."""
        limit = self._table.limit
        smallest, self._smallest = self._smallest, limit
        self._updated = False
        told = _number(limit, 0x1F, 0x20)
        return _number(smallest, 0x1F, 0x20) + told if smallest < limit else told


class _Known(dict[Field, bytes]):
    """What fields look like; asks the encoder for those it does not know."""

    __slots__ = ("_encoder",)

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self._encoder = encoder

    def __missing__(self, field: Field) -> bytes:
        return self._encoder.represent(field)


def _literal(index: int, field: Field, mask: int, pattern: int) -> bytes:
    name, value, _ = field
    head = _number(index, mask, pattern)
    if not index:
        head += _number(len(name), 0x7F, 0) + name
    return head + _number(len(value), 0x7F, 0) + value


def _number(value: int, mask: int, pattern: int) -> bytes:
    """Return an integer with a prefix (section 5.1)."""
    if value < mask:
        return bytes((pattern | value,))
    out = bytearray((pattern | mask,))
    value -= mask
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def neutral(block: bytes) -> bool:
    """Tell whether a block of an Encoder leaves the peer's table as it is: nobody misses it if it is not sent."""
    at = 0
    while at < len(block):
        if block[at] & 0x80:
            _, at = _integer(block, at, 0x7F)
        elif block[at] & 0x60:
            return False
        else:
            index, at = _integer(block, at, 0x0F)
            for _ in range(1 if index else 2):
                size, at = _integer(block, at, 0x7F)
                at += size
    return True


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Read an integer with a prefix; returns it and where it ends."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    shift = 0
    while True:
        if at >= len(block) or shift > 21:
            raise HpackError("an integer that is cut short or too large")
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
