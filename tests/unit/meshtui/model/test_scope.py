"""Scopes: what a view looks at."""

from meshtui.model.scope import Scope, plural


def test_a_scope_writes_its_title() -> None:
    assert Scope("deployment", "emojivoto", "web").title() == "deploy/web"
    assert Scope("pod", "emojivoto", owner_kind="deployment", owner="web").title() == "deploy/web"
    assert Scope("deployment", "emojivoto").title() == "emojivoto"
    assert Scope("deployment").title() == "all"


def test_another_namespace_keeps_the_kind_only() -> None:
    assert Scope("pod", "a", "x", "deployment", "y").within("b") == Scope("pod", "b")


def test_kinds_have_plurals() -> None:
    assert plural("namespace") == "namespaces"
    assert plural("thing") == "thing"
