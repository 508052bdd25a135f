"""HPACK (RFC 7541): fields to bytes and back, with both tables kept where Python looks things up without a loop.

`Connection` has one of each. On a connection in use nearly every field of a head is one byte, an index: such a block is
decoded by one `map` over its bytes, into the very same objects each time, and encoded by one `map` over its fields.
"""

from .decoder import SHORT_BLOCK, Decoder, OversizedError
from .encoder import Encoder, neutral
from .integer import HpackError
from .table import STATIC

__all__ = ("SHORT_BLOCK", "STATIC", "Decoder", "Encoder", "HpackError", "OversizedError", "neutral")
