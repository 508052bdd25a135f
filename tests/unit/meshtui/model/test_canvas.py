"""The canvas: corners, tees, crossings that are no junctions, wide characters, ASCII."""

from itertools import product

import pytest

from meshtui.model.canvas import DOWN, LEFT, RIGHT, UP, Canvas, frame, glyph, stroke
from meshtui.model.cell import Cell, Level


def drawn(canvas: Canvas, *, ascii: bool = False) -> str:
    return "\n".join("".join(cell.text for cell in line).rstrip() for line in canvas.lines(ascii=ascii))


@pytest.mark.parametrize(
    ("arms", "sign"),
    [
        (LEFT | RIGHT, "─"),
        (UP | DOWN, "│"),
        (RIGHT | DOWN, "╭"),
        (UP | LEFT, "╯"),
        (UP | RIGHT | DOWN, "├"),
        (UP | RIGHT | DOWN | LEFT, "┼"),
        (2 * LEFT | 2 * RIGHT, "━"),
        (2 * RIGHT | 2 * DOWN, "┏"),
        (UP | 2 * RIGHT | DOWN, "┝"),
        (2 * UP | RIGHT | 2 * DOWN | LEFT, "╂"),
        (UP | 2 * RIGHT, "┕"),
        (2 * UP | RIGHT | DOWN, "┞"),
        (2 * UP | 2 * RIGHT | DOWN | LEFT, "╄"),
        (RIGHT, "╶"),
        (LEFT | 2 * RIGHT, "╼"),
    ],
)
def test_glyphs(arms: int, sign: str) -> None:
    assert glyph(arms) == sign


def test_every_mix_of_weights_has_a_character() -> None:
    every = [
        sum(w * arm for w, arm in zip(weights, (UP, RIGHT, DOWN, LEFT), strict=True))
        for weights in product(range(3), repeat=4)
        if any(weights)
    ]
    signs = [glyph(arms) for arms in every]
    assert len(set(signs)) == len(every)


def test_lines_of_one_net_join() -> None:
    canvas = Canvas(7, 3)
    canvas.draw(1, stroke([(0, 1), (3, 1), (3, 0), (6, 0)]))
    canvas.draw(1, stroke([(0, 1), (3, 1), (3, 2), (6, 2)]))
    assert drawn(canvas) == "   ╭──╴\n╶──┤\n   ╰──╴"


def test_lines_of_two_nets_cross_without_joining() -> None:
    canvas = Canvas(5, 3)
    canvas.draw(1, stroke([(0, 1), (4, 1)]))
    canvas.draw(2, stroke([(2, 0), (2, 2)]))
    assert drawn(canvas).splitlines()[1] == "╶─│─╴"


def test_the_heavier_line_passes_over() -> None:
    canvas = Canvas(5, 3)
    canvas.draw(1, stroke([(0, 1), (4, 1)]), heavy=True)
    canvas.draw(2, stroke([(2, 0), (2, 2)]))
    assert drawn(canvas).splitlines()[1] == "╺━━━╸"


def test_a_shared_piece_shows_the_most_urgent_level() -> None:
    canvas = Canvas(4, 1)
    canvas.draw(1, stroke([(0, 0), (3, 0)]), Level.GOOD)
    canvas.draw(1, stroke([(0, 0), (1, 0)]), Level.BAD)
    assert canvas.lines() == [[Cell("╶─", Level.BAD), Cell("─╴", Level.GOOD)]]


def test_text_covers_lines_and_wide_signs_take_two_cells() -> None:
    canvas = Canvas(6, 1)
    canvas.draw(1, stroke([(0, 0), (5, 0)]))
    assert canvas.text(1, 0, "🔒x") == 4
    assert drawn(canvas) == "╶🔒x─╴"


def test_outside_is_ignored() -> None:
    canvas = Canvas(3, 1)
    canvas.text(1, 0, "🔒🔒")
    canvas.text(0, 5, "x")
    assert drawn(canvas) == " 🔒"


def test_ascii() -> None:
    canvas = Canvas(7, 3)
    canvas.draw(1, frame(0, 0, 7, 3))
    assert drawn(canvas, ascii=True) == "+-----+\n|     |\n+-----+"


def test_crooked_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="not straight"):
        stroke([(0, 0), (2, 2)])
