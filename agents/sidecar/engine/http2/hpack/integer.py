"""Integers with a prefix, of which all of HPACK's lengths and indexes are made (RFC 7541, 5.1)."""


class HpackError(Exception):
    """A block that cannot be decoded; the connection is lost with it (section 2.3.3 and others)."""


def write_integer(value: int, mask: int, pattern: int) -> bytes:
    """Return the bytes of an integer, the first one with `pattern` in its upper bits."""
    if value < mask:
        return bytes((pattern | value,))
    out = bytearray((pattern | mask,))
    value -= mask
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
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
