"""HPACK against jh2's codec and the `hpack` package, in both directions, over whole lives of connections."""

import hpack
import jh2._hazmat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.hpack import STATIC, Decoder, Encoder, HpackError, OversizedError, neutral

LIMIT = 1 << 20
names = st.sampled_from([b":path", b":status", b"cookie", b"x-a", b"x-b", b"grpc-status", b"content-type", b"date"])
values = st.one_of(
    st.sampled_from([b"", b"/", b"200", b"application/grpc", b"v" * 300, b"w" * 1500, b"\xff\0 odd"]),
    st.binary(max_size=40),
    st.integers(0, 200).map(lambda n: b"value-%d" % n),
)
heads = st.lists(st.tuples(names, values, st.booleans()), max_size=12)
lives = st.lists(st.one_of(heads, st.sampled_from([0, 100, 2000, 4096])), max_size=30)


def test_the_static_table_is_the_rfcs() -> None:
    assert len(STATIC) == 61
    assert [(name, value) for name, value, _ in STATIC] == list(hpack.table.HeaderTable.STATIC_TABLE)


@given(lives)
@settings(max_examples=50, deadline=None)
def test_others_understand_what_we_encode(life: list[Fields | int]) -> None:
    ours, reference, codec = Encoder(), hpack.Decoder(LIMIT), jh2._hazmat.Decoder(LIMIT)
    mine = Decoder(LIMIT)
    for step in life:
        if isinstance(step, int):
            ours.resize(step)
            continue
        block = ours.encode(step)
        assert mine.decode(block) == step
        assert [(f[0], f[1]) for f in reference.decode(block, raw=True)] == [(f[0], f[1]) for f in step]
        assert codec.decode(block, True) == step


@given(st.lists(heads.map(tuple), min_size=1, max_size=5), st.data())
@settings(max_examples=100, deadline=None)
def test_heads_that_come_again_are_understood_whatever_comes_in_between(
    pool: list[Fields], data: st.DataObject
) -> None:
    ours, reference = Encoder(), hpack.Decoder(LIMIT)
    steps = st.lists(st.one_of(st.integers(0, len(pool) - 1), heads, st.sampled_from([100, 4096])), max_size=40)
    for step in data.draw(steps):
        if isinstance(step, int) and step >= 100:
            ours.resize(step)
            continue
        said = pool[step] if isinstance(step, int) else step
        kept = ours.blocks.get(id(said))
        block = kept[-1] if kept is not None else ours.again(said) if isinstance(said, tuple) else ours.encode(said)
        assert [(f[0], f[1]) for f in reference.decode(block, raw=True)] == [f[:2] for f in said]


def test_a_head_of_indexes_is_kept_and_forgotten_with_them() -> None:
    encoder = Encoder()
    fields = ((b":method", b"POST", False), (b"x-request", b"same", False))
    blocks = [encoder.again(fields) for _ in range(3)]
    assert encoder.blocks[id(fields)] == (fields, len(blocks[-1]) << 8 | wire.HEADERS, blocks[-1])
    for _ in range(2):
        encoder.encode([(b"x-other", b"new", False)])
    assert not encoder.blocks


@given(lives)
@settings(max_examples=50, deadline=None)
def test_we_understand_what_others_encode(life: list[Fields | int]) -> None:
    codec, reference = jh2._hazmat.Encoder(), hpack.Encoder()
    one, other = Decoder(LIMIT), Decoder(LIMIT)
    for step in life:
        if isinstance(step, int):
            codec.header_table_size = step
            if reference.header_table_size != step:  # told the same size twice, it forgets to say the first
                reference.header_table_size = step
            continue
        for decoded in (one.decode(codec.encode(step)), other.decode(reference.encode(step))):
            assert [field[:2] for field in decoded] == [field[:2] for field in step]  # both index secrets they know


@given(st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_garbage_is_refused_or_understood_as_hpack_does(block: bytes) -> None:
    try:
        ours: object = [(name, value) for name, value, _ in Decoder(LIMIT).decode(block)]
    except HpackError:
        ours = None
    try:
        theirs = [(f[0], f[1]) for f in hpack.Decoder(LIMIT).decode(block, raw=True)]
    except hpack.HPACKError:
        return
    if ours is not None:  # we are the stricter one: padding, updates in the middle
        assert ours == theirs


def test_a_field_that_comes_again_is_one_byte() -> None:
    encoder = Encoder()
    head = [(b"x-request", b"same", False), (b":method", b"POST", False)]
    sizes = [len(encoder.encode(head)) for _ in range(4)]
    assert sizes == [17, 17, 2, 2]


def test_secrets_are_never_indexed() -> None:
    encoder = Encoder()
    head = [(b"authorization", b"Bearer x", True)]
    blocks = {encoder.encode(head) for _ in range(4)}
    assert len(blocks) == 1
    assert Decoder(LIMIT).decode(blocks.pop()) == head


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",
        b"\xbe",
        b"\xff\xff\xff\xff\xff\x0f",
        b"\xff",
        b"\x40",
        b"\x00",
        b"\x00\x01",
        b"\x00\x01x",
        b"\x00\x01x\x05abc",
        b"\x82\x20",
        b"\x3f\xe2\x1f\x82",
        b"\x00\x01x\x82\x1f\xff",
        b"\x00\x01x\x81\x18",
        b"\x00\x01x\x84\xff\xff\xff\xff",
    ],
)
def test_what_cannot_be_decoded(block: bytes) -> None:
    with pytest.raises(HpackError):
        Decoder(LIMIT).decode(block)


def test_a_bomb_is_defused() -> None:
    decoder = Decoder(10_000)
    decoder.decode(b"\x40\x01x\x7f\xa1\x1e" + b"b" * 4000)
    with pytest.raises(OversizedError):
        decoder.decode(b"\xbe" * 59)
    with pytest.raises(OversizedError):
        decoder.decode(b"\xbe" * 1000)


def test_a_block_is_neutral_if_it_leaves_the_table_alone() -> None:
    encoder = Encoder()
    fields = [(b":method", b"GET", False), (b":path", b"/a", False), (b"x", b"y" * 300, False), (b"k", b"v", True)]
    assert [neutral(encoder.encode(fields)) for _ in range(3)] == [True, False, True]
    encoder.resize(100)
    assert not neutral(encoder.encode(fields))
