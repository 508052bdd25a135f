"""Blocks to fields. Strings in Huffman code are jh2's business."""

from typing import Any, Final

from jh2._hazmat import Decoder as _HuffmanDecoder
from jh2._hazmat import Encoder as _HuffmanEncoder
from jh2._hazmat import HPACKError

from agents.sidecar.engine.http2.fields import Field

from .integer import HpackError, read_integer
from .table import OVERHEAD, STATIC, STATIC_SIZE, TABLE_LIMIT, Table, weigh

SHORT_BLOCK: Final = 15  # so many entries of the table are never too much
# Used with literals that leave no trace in their tables, so one of each does for all connections.
_huffman_decode = _HuffmanDecoder(1 << 24).decode
_huffman_encode = _HuffmanEncoder().encode
_SHORT: Final = 100  # of a string in Huffman code that is remembered
_STRINGS: Final = 100  # so many


class OversizedError(HpackError):
    """A block that decodes to more than is allowed."""


class Decoder:
    """Blocks to fields. `limit` bounds what a block may decode to.

    Whoever has a block of at most SHORT_BLOCK bytes may try `short` on each of them before.
    """

    __slots__ = ("_few", "_limit", "_strings", "_table", "meanings", "once", "short")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._few = min(60, limit // (TABLE_LIMIT + OVERHEAD))  # so many fields of the table cannot be too much
        self._table = Table()
        self.short: dict[int, Field] = {0x80 | index: field for index, field in enumerate(STATIC, 1)}
        self._strings: dict[bytes, bytes] = {}  # in Huffman code, with their length in front
        self.meanings: dict[
            bytes, Any
        ] = {}  # its user's, of blocks that leave the table alone: emptied when it changes
        self.once: set[int] = set()  # the same, of those that are not worth more yet

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
                index, at = read_integer(block, at, 0x7F)
                fields.append(self._field(index))
                continue
            mask = 0x3F if byte & 0x40 else 0x0F
            index = byte & mask
            if index == mask:
                index, at = read_integer(block, at, mask)
            else:
                at += 1
            if not index:
                name, at = self._string(block, at)
            elif index <= STATIC_SIZE:
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
        if (len(fields) > self._few or end > self._limit >> 4) and sum(map(weigh, fields)) > self._limit:
            raise OversizedError("a block that decodes to too much")
        return fields

    def _update(self, block: bytes, at: int, late: bool) -> int:
        """The size of the table changes (section 6.3); returns where that ends."""
        size, at = read_integer(block, at, 0x1F)
        if late:
            raise HpackError("a table size update after a field")
        if size > TABLE_LIMIT:
            raise HpackError("a table larger than allowed")
        self._table.resize(size)
        self._reindex()
        return at

    def _field(self, index: int) -> Field:
        table = self._table.fields
        if index <= STATIC_SIZE:
            if not index:
                raise HpackError("index 0")
            return STATIC[index - 1]
        if index - STATIC_SIZE > len(table):
            raise HpackError("an index beyond the table")
        return table[index - STATIC_SIZE - 1]

    def _string(self, block: bytes, at: int, keep: bool = True) -> tuple[bytes, int]:
        if at >= len(block):
            raise HpackError("a block that is cut short")
        start = at
        size = first = block[at]
        if size < 0x7F:
            at += 1
        else:
            size, at = read_integer(block, at, 0x7F)
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
        self.once.clear()
        short = self.short
        byte = 0x80 | STATIC_SIZE
        for field in self._table.fields:
            byte += 1
            if byte == 0xFF:
                return
            short[byte] = field
        for gone in range(byte + 1, 0xFF):
            if short.pop(gone, None) is None:
                return
