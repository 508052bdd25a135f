"""Layers: callers before callees, cycles broken, the same graph always in the same order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.model.graph import Call, Node
from meshtui.model.layers import Bend, arrange

NODES = [Node("ns", "deployment", f"n{i:02d}") for i in range(12)]
calls = st.lists(
    st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)).filter(lambda call: call[0] != call[1]),
    max_size=24,
    unique=True,
)


def n(name: str) -> Node:
    return Node("ns", "deployment", name)


@given(calls)
@settings(deadline=None, max_examples=50)
def test_every_link_goes_to_the_next_layer(found: list[Call]) -> None:
    layers = arrange(NODES, found)
    for i, links in enumerate(layers.links):
        for link in links:
            assert link.left in layers.slots[i]
            assert link.right in layers.slots[i + 1]


@given(calls)
@settings(deadline=None, max_examples=50)
def test_every_call_is_a_way_through_links(found: list[Call]) -> None:
    layers = arrange(NODES, found)
    into = {(link.net, link.right): link.left for links in layers.links for link in links}
    for caller, callee in found:
        net = layers.nets[caller, callee]
        slot: Node | Bend = caller if net.back else callee
        for _ in range(len(layers.slots)):
            if slot == net.start:
                break
            slot = into[net, slot]
        assert slot == net.start == (callee if net.back else caller)


@given(calls, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_the_order_of_the_input_does_not_matter(found: list[Call], random: object) -> None:
    again = list(found)
    random.shuffle(again)  # type: ignore[attr-defined]
    assert arrange(NODES, found).slots == arrange(NODES[::-1], again).slots


@given(calls)
@settings(deadline=None, max_examples=50)
def test_a_layer_holds_each_slot_once(found: list[Call]) -> None:
    slots = [slot for layer in arrange(NODES, found).slots for slot in layer]
    assert len(slots) == len(set(slots))
    assert set(NODES) <= set(slots)


def test_roots_stand_next_to_what_they_call() -> None:
    rank = arrange(
        [n(x) for x in "abcdx"], [(n("a"), n("b")), (n("b"), n("c")), (n("c"), n("d")), (n("x"), n("d"))]
    ).rank
    assert (rank[n("a")], rank[n("x")], rank[n("d")]) == (0, 2, 3)


def test_a_cycle_turns_one_call_round() -> None:
    layers = arrange([n(x) for x in "abc"], [(n("a"), n("b")), (n("b"), n("c")), (n("c"), n("a"))])
    assert [call for call, net in layers.nets.items() if net.back] == [(n("c"), n("a"))]


def test_crossings_that_can_be_avoided_are() -> None:
    pairs = [("a", "z"), ("b", "y"), ("c", "x")]
    layers = arrange([n(x) for x in "abcxyz"], [(n(a), n(b)) for a, b in pairs])
    assert layers.crossings() == 0


@given(calls)
@settings(deadline=None, max_examples=50)
def test_crossings_are_counted_right(found: list[Call]) -> None:
    layers = arrange(NODES, found)
    count = 0
    for i, links in enumerate(layers.links):
        ends = [(layers.slots[i].index(link.left), layers.slots[i + 1].index(link.right)) for link in links]
        count += sum(a < c and b > d for a, b in ends for c, d in ends)
    assert layers.crossings() == count


def test_no_nodes_no_layers() -> None:
    assert arrange([], []).slots == []
