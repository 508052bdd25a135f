"""Fields to blocks. A field gets its entry in the table when it is sent for the second time."""

from collections.abc import Callable
from typing import Final

from agents.sidecar.engine.http2.fields import Field, Fields
from agents.sidecar.engine.http2.wire import HEADERS

from .integer import read_integer, write_integer
from .table import STATIC_FIELD, STATIC_NAME, STATIC_SIZE, TABLE_LIMIT, Table, weigh

_BLOCKS: Final = 256  # heads that are remembered; then all are forgotten
_SEEN: Final = 256  # fields that were sent once and are worth an entry when they come again
_LARGEST: Final = 1024  # a field that would take more of the table is not put there


class Encoder:
    """Fields to blocks: what `lookup` gives for each. A field gets its entry when it is sent for the second time."""

    __slots__ = ("_added", "_known", "_numbers", "_seen", "_smallest", "_table", "_updated", "blocks", "lookup")

    def __init__(self) -> None:
        self._table = Table()
        self._known = _Known(self)  # a field's bytes, as long as indexes stay
        self.lookup: Callable[[Field], bytes] = self._known.__getitem__
        # Of sections by `id`: the fields, a HEADERS frame's first word, the block, as long as indexes stay (`again`).
        self.blocks: dict[int, tuple[Fields, int, bytes]] = {}
        self._numbers: dict[Field, int] = {}  # of those in the table: how many had been added before
        self._added = 0
        self._seen: dict[Field, None] = {}
        self._updated = False  # the peer must be told of the table's size
        self._smallest = TABLE_LIMIT

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
        limit = min(limit, TABLE_LIMIT)
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
        index = STATIC_FIELD.get(field, 0)
        number = self._numbers.get(field)
        if number is not None:
            index = STATIC_SIZE + self._added - number
        if index:
            made = self._known[field] = write_integer(index, 0x7F, 0x80)
            return made
        name, _, never = field
        index = STATIC_NAME.get(name, 0)
        if never or weigh(field) > min(_LARGEST, self._table.limit):
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
        told = write_integer(limit, 0x1F, 0x20)
        return write_integer(smallest, 0x1F, 0x20) + told if smallest < limit else told


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
    head = write_integer(index, mask, pattern)
    if not index:
        head += write_integer(len(name), 0x7F, 0) + name
    return head + write_integer(len(value), 0x7F, 0) + value


def neutral(block: bytes) -> bool:
    """Tell whether a block of an Encoder leaves the peer's table as it is: nobody misses it if it is not sent."""
    at = 0
    while at < len(block):
        if block[at] & 0x80:
            _, at = read_integer(block, at, 0x7F)
        elif block[at] & 0x60:
            return False
        else:
            index, at = read_integer(block, at, 0x0F)
            for _ in range(1 if index else 2):
                size, at = read_integer(block, at, 0x7F)
                at += size
    return True
