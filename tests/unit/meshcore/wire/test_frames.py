"""Frames survive any cutting; what is no frame is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcore.wire.frames import ALIVE, Frame, FrameError, Reader, message, read_trailers, trailers


@given(st.lists(st.binary(max_size=200), max_size=6), st.integers(1, 40))
def test_messages_come_out_as_they_went_in_however_they_are_cut(payloads: list[bytes], size: int) -> None:
    wire = b"".join(map(message, payloads)) + trailers({"grpc-status": "0"})
    reader = Reader()
    found = [frame for at in range(0, len(wire), size) for frame in reader.feed(wire[at : at + size])]
    assert [frame.payload for frame in found if not frame.last] == payloads
    assert found[-1].last
    assert reader.whole


@given(st.dictionaries(st.from_regex(r"[a-z][a-z-]{0,10}", fullmatch=True), st.text(max_size=50), max_size=4))
def test_trailers_carry_any_text(fields: dict[str, str]) -> None:
    (frame,) = Reader().feed(trailers(fields))
    assert read_trailers(frame.payload) == fields


def test_another_protocol_is_told() -> None:
    with pytest.raises(FrameError, match="another protocol"):
        list(Reader().feed(b'{"kind":"Status"}'))


def test_a_message_without_bound_is_refused_before_it_is_read() -> None:
    with pytest.raises(FrameError, match="larger than 10"):
        list(Reader(largest=10).feed(message(b"x" * 11)[:5]))


def test_what_is_cut_short_waits() -> None:
    reader = Reader()
    assert list(reader.feed(message(b"abc")[:7])) == []
    assert not reader.whole
    assert list(reader.feed(b"c")) == [Frame(False, b"abc")]


def test_a_sign_of_life_is_no_message() -> None:
    assert list(Reader().feed(ALIVE + message(b"a") + ALIVE)) == [Frame(False, b"a")]
