"""The two tables of HPACK: what an index stands for (RFC 7541, 2.3 and appendix A)."""

from collections import deque
from typing import Final

from agents.sidecar.engine.http2.fields import Field

TABLE_LIMIT: Final = 4096  # bytes, as both sides begin; our encoder never has more
OVERHEAD: Final = 32  # section 4.1: what an entry counts besides its strings

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
STATIC_SIZE: Final = len(STATIC)
STATIC_FIELD: Final = {field: index for index, field in enumerate(STATIC, 1)}
STATIC_NAME: Final = {field[0]: index for index, field in reversed(list(enumerate(STATIC, 1)))}


def weigh(field: Field) -> int:
    """Return what a field counts, in bytes (section 4.1)."""
    return len(field[0]) + len(field[1]) + OVERHEAD


class Table:
    """The dynamic table: newest first, as indexes count."""

    __slots__ = ("fields", "limit", "size")

    def __init__(self) -> None:
        self.fields: deque[Field] = deque()
        self.size = 0
        self.limit = TABLE_LIMIT

    def add(self, field: Field) -> None:
        weight = weigh(field)
        self._shrink(self.limit - weight)
        if weight <= self.limit:
            self.fields.appendleft(field)
            self.size += weight

    def resize(self, limit: int) -> None:
        self.limit = limit
        self._shrink(limit)

    def _shrink(self, size: int) -> None:
        while self.fields and self.size > size:
            self.size -= weigh(self.fields.pop())
