"""Steps through a drawn graph: caller, call, callee, and sideways."""

from meshtui.model.drawing import Atlas
from meshtui.model.graph import Node, read
from meshtui.model.look import Look
from meshtui.model.walk import Selection, step
from tests.support.edges import EMOJIVOTO, answer


def n(name: str) -> Node:
    return Node("emojivoto", "deployment", name)


def walk(
    start: Selection | None, *steps: tuple[int, int], text: str = EMOJIVOTO, down: bool = False
) -> Selection | None:
    graph = read(answer(text))
    boxes = Atlas().picture(graph, Look(down=down)).boxes
    for along, across in steps:
        start = step(graph, boxes, start, along, across, down=down)
    return start


def test_the_first_step_selects_the_first_box() -> None:
    assert walk(None, (1, 0)) == n("vote-bot")


def test_forward_goes_by_the_call_to_the_callee() -> None:
    assert walk(n("vote-bot"), (1, 0)) == (n("vote-bot"), n("web"))
    assert walk(n("vote-bot"), (1, 0), (1, 0)) == n("web")


def test_back_goes_by_the_call_to_the_caller() -> None:
    assert walk(n("voting"), (-1, 0)) == (n("web"), n("voting"))
    assert walk(n("voting"), (-1, 0), (-1, 0)) == n("web")


def test_sideways_among_the_calls_of_a_caller() -> None:
    first = walk(n("web"), (1, 0), (0, -1))
    assert first == (n("web"), n("emoji"))
    assert walk(first, (0, 1)) == (n("web"), n("voting"))
    assert walk(first, (0, 1), (0, 1)) == (n("web"), n("voting"))


def test_sideways_among_boxes_of_a_layer() -> None:
    assert walk(n("emoji"), (0, 1)) == n("voting")
    assert walk(n("emoji"), (0, 1), down=True) == n("voting")


def test_where_the_way_ends_nothing_changes() -> None:
    assert walk(n("voting"), (1, 0)) == n("voting")
    assert walk(n("vote-bot"), (-1, 0)) == n("vote-bot")
    assert walk((n("vote-bot"), n("web")), (0, 1)) == (n("vote-bot"), n("web"))


def test_round_a_cycle() -> None:
    assert walk(n("a"), *[(1, 0)] * 6, text="a>b b>c c>a") == n("a")


def test_an_empty_graph_has_nowhere_to_go() -> None:
    assert walk(None, (1, 0), text="") is None
