"""Frames: however the bytes come, the messages are the same."""

import pytest

from agents.sidecar.crew.frames import LARGEST, FrameError, Frames, frame

MESSAGES = [b"", b"one", b"x" * 70_000]


@pytest.mark.parametrize("size", [1, 3, 4, 5, 70_001, 1 << 20])
def test_messages_come_out_as_they_went_in(size):
    data = b"".join(map(frame, MESSAGES))
    frames = Frames()
    found = [message for at in range(0, len(data), size) for message in frames.feed(data[at : at + size])]
    assert found == MESSAGES


def test_what_is_cut_short_is_held_back():
    assert list(Frames().feed(frame(b"message")[:-1])) == []


def test_a_length_that_no_message_has_is_refused_before_its_bytes_come():
    with pytest.raises(FrameError, match="larger"):
        list(Frames().feed((LARGEST + 1).to_bytes(4, "big")))
