"""The line below the graph."""

from meshtui.model.canvas import plain
from meshtui.model.caption import caption
from meshtui.model.graph import Call, Node, read
from meshtui.model.look import Look
from tests.support.edges import EMOJIVOTO, answer


def n(name: str) -> Node:
    return Node("emojivoto", "deployment", name)


def said(what: Node | Call | None, text: str = EMOJIVOTO, *, ascii: bool = False) -> str:
    return plain([caption(read(answer(text)), what, Look(ascii=ascii))])


def test_a_call() -> None:
    assert said((n("web"), n("voting"))) == (
        "web → voting  🔒 mutual TLS  × 84.00%  1.0/s  p50 2.0ms  p95 10ms  p99 40ms  http/1.1"
    )


def test_a_call_that_is_not_secured() -> None:
    assert "⊘ not secured" in said((n("a"), n("b")), "a>b!")


def test_a_node() -> None:
    assert said(n("web")).endswith("called by vote-bot  calls emoji, voting")


def test_many_names_are_counted() -> None:
    assert said(n("a"), "a>b a>c a>d a>e a>f a>g").endswith("calls b, c, d, e +2")


def test_nothing_selected_explains_the_signs() -> None:
    assert said(None).startswith("🔒 mutual TLS")
    assert said(None, ascii=True).isascii()
    assert said(n("gone")) == said(None)
