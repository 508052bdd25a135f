"""Which theme a terminal gets, and that every theme knows every word that styles are written in."""

import pytest

from meshtui.themes import DARK, DEFAULTS, LIGHT, SIXTEEN, THEMES, choose


@pytest.mark.parametrize(
    ("wanted", "colours", "no_color", "theme"),
    [
        ("", "truecolor", False, DARK),
        ("", "256", False, DARK),
        ("", "standard", False, SIXTEEN),
        ("", None, False, SIXTEEN),
        ("", "truecolor", True, SIXTEEN),
        ("light", "truecolor", False, LIGHT),
        ("mesh-light", "truecolor", False, LIGHT),
        ("16", "truecolor", False, SIXTEEN),
        ("no such theme", "truecolor", False, DARK),
    ],
)
def test_a_terminal_gets_what_it_can_show(wanted: str, colours: str | None, no_color: bool, theme: object) -> None:
    assert choose(wanted, colours=colours, no_color=no_color) == getattr(theme, "name", None)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_theme_has_every_word(theme: object) -> None:
    assert set(DEFAULTS) <= set(getattr(theme, "variables", {}))
