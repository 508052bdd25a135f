"""Drawings of graphs: golden texts, and what must hold of every drawing.

A golden text that should change is written anew with MESHTUI_SNAPSHOTS=update in the environment, and then looked at.
"""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.model.canvas import plain
from meshtui.model.cell import Level
from meshtui.model.drawing import Atlas, Picture
from meshtui.model.graph import Edge, Graph, Node, build, fold, read
from meshtui.model.look import Look
from tests.support.edges import EMOJIVOTO, answer
from tests.support.snapshot import UPDATE
from tests.unit.meshtui.model.test_layers import NODES, calls

GOLDEN = Path(__file__).parent / "drawings"
SHOP = (
    "ingress.edge>web.shop:40:99 ingress.edge>api.shop:90:96 web.shop>cart.shop:20:100 web.shop>catalog.shop:35:100 "
    "api.shop>cart.shop:30:100 api.shop>catalog.shop:60:93 api.shop>orders.shop:12:88 orders.shop>payment.pay:11:84 "
    "orders.shop>kafka.data:12:100 catalog.shop>postgres.data:90:100 cart.shop>redis.data:55:100 "
    "orders.shop>postgres.data:12:100 cron.shop>orders.shop:1:100 payment.pay>bank.outside:11:80!"
)


def crowd(nodes: int, edges: int, seed: int = 7) -> str:
    """Return a graph of many services without cycles."""
    dice = random.Random(seed)
    found: set[tuple[int, int]] = set()
    while len(found) < edges:
        a, b = sorted(dice.sample(range(nodes), 2))
        if b - a < nodes // 2:
            found.add((a, b))
    return " ".join(
        f"s{a:02d}>s{b:02d}:{dice.randint(1, 99)}:{dice.choice([100, 99, 93, 80])}" for a, b in sorted(found)
    )


PICTURES = {
    "three": ("a>b:10:100 b>c:8:94", Look()),
    "emojivoto": (EMOJIVOTO, Look()),
    "emojivoto-down": (EMOJIVOTO, Look(down=True)),
    "emojivoto-signs": (EMOJIVOTO, Look(labels=False)),
    "emojivoto-ascii": (EMOJIVOTO, Look(ascii=True)),
    "emojivoto-selected": (EMOJIVOTO, Look(selected=Node("emojivoto", "deployment", "web"))),
    "twelve": (SHOP, Look()),
    "twelve-down": (SHOP, Look(down=True)),
    "thirty": (crowd(30, 39), Look(labels=False)),
    "cycle": ("a>b b>c c>a c>d:3:70!", Look()),
    "cycle-down": ("a>b b>c c>a c>d:3:70!", Look(down=True)),
    "both-ways": ("a>b:1 b>a:2 a>a:3", Look()),
    "alone": ("a>a:3", Look()),
}


@pytest.mark.parametrize("name", PICTURES)
def test_golden(name: str) -> None:
    text, look = PICTURES[name]
    drawn = plain(Atlas().picture(read(answer(text)), look).lines) + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get(UPDATE) == "update":
        path.write_text(drawn)
    assert drawn == path.read_text()


looks = st.builds(Look, down=st.booleans(), labels=st.booleans(), ascii=st.booleans())


@given(calls, looks)
@settings(deadline=None, max_examples=30)
def test_no_line_runs_through_a_box_and_every_line_is_connected(found: list[tuple[Node, Node]], look: Look) -> None:
    atlas, graph = Atlas(), build([Edge(*call) for call in found], nodes=NODES)
    picture = atlas.picture(graph, look)
    chart = atlas.chart(graph, look)
    inside = {
        (column, row)
        for x, y, width, height in picture.boxes.values()
        for column in range(x, x + width)
        for row in range(y, y + height)
    }
    for caller, callee in found:
        cells = [point for point, _ in chart.strokes[caller, callee]]
        assert not inside & set(cells)
        left, reached = set(cells[1:]), [cells[0]]
        for x, y in reached:
            near = {(x + dx, y + dy) for dx, dy in NEXT} & left
            left -= near
            reached += near
        assert not left
        ends = [
            any((x + dx, y + dy) in border(picture, node) for x, y in cells for dx, dy in NEXT)
            for node in (caller, callee)
        ]
        assert all(ends)


NEXT = ((0, 1), (1, 0), (0, -1), (-1, 0))


def border(picture: Picture, node: Node) -> set[tuple[int, int]]:
    x, y, width, height = picture.boxes[node]
    return {(x + i, y + j) for i in range(width) for j in range(height) if i in (0, width - 1) or j in (0, height - 1)}


@given(calls, looks)
@settings(deadline=None, max_examples=30)
def test_everything_is_inside_the_picture(found: list[tuple[Node, Node]], look: Look) -> None:
    graph = build([Edge(*call) for call in found], nodes=NODES)
    picture = Atlas().picture(graph, look)
    assert all(len(line) <= picture.width for line in plain(picture.lines).splitlines())
    assert not look.ascii or plain(picture.lines).isascii()
    assert picture.lines == Atlas().picture(graph, look).lines


def test_places_stay_while_the_numbers_change() -> None:
    atlas = Atlas()
    before = atlas.picture(read(answer(SHOP)), Look())
    after = atlas.picture(read(answer(SHOP.replace(":90", ":12345").replace(":100", ":12"))), Look())
    assert before.boxes == after.boxes
    assert before.width == after.width


def test_heat_is_a_level_and_a_sign() -> None:
    picture = Atlas().picture(read(answer(EMOJIVOTO)), Look())
    cells = [cell for line in picture.lines for cell in line]
    assert any(cell.level is Level.BAD and "× 84.0%" in cell.text for cell in cells)
    assert any(cell.level is Level.WARN and "‼ 92.5%" in cell.text for cell in cells)


def test_what_stands_in_a_cell() -> None:
    graph = read(answer(EMOJIVOTO))
    picture = Atlas().picture(graph, Look())
    web, voting = Node("emojivoto", "deployment", "web"), Node("emojivoto", "deployment", "voting")
    x, y, _, _ = picture.boxes[web]
    assert picture.hit(x + 1, y + 1) == web
    assert picture.hit(*picture.heads[web, voting]) == (web, voting)
    assert picture.hit(0, 0) is None


def test_a_folded_namespace_says_how_many_it_holds() -> None:
    graph = fold(read(answer(SHOP)), {"shop"})
    assert "shop (6)" in plain(Atlas().picture(graph, Look()).lines)


def test_a_crowd_is_drawn_in_a_blink() -> None:
    graph = read(answer(crowd(60, 100)))
    atlas = Atlas()
    picture = atlas.picture(graph, Look(labels=False))
    assert len(picture.boxes) == 60


def test_nothing_is_an_empty_picture() -> None:
    assert Atlas().picture(Graph({}, {}), Look()).lines == []
