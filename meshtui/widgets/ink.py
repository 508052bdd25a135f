"""How levels of meaning look: the base of widgets that paint text by `model.cell.Level`.

Colours are the theme's variables, never literals, so every theme (16 colours, none) works. A widget asks
`style(level)`; state is never told by the colour alone, so what is written must carry a sign as well.
"""

from typing import ClassVar

from rich.style import Style
from textual.widget import Widget

from meshtui.model.cell import Level


class Ink(Widget):
    """A widget with one component class per level, and for what is selected."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "ink--plain",
        "ink--dim",
        "ink--good",
        "ink--warn",
        "ink--bad",
        "ink--accent",
        "ink--title",
        "ink--selected",
    }
    DEFAULT_CSS = """
    Ink {
        & > .ink--plain { color: $foreground; }
        & > .ink--dim { color: $faint; }
        & > .ink--good { color: $good; }
        & > .ink--warn { color: $warn; }
        & > .ink--bad { color: $bad; text-style: bold; }
        & > .ink--accent { color: $primary; }
        & > .ink--title { color: $strong; text-style: bold; }
        & > .ink--selected { color: $primary; text-style: bold; }
    }
    """

    def style(self, level: Level) -> Style:
        """Return the style of a level on this widget's background."""
        return self.part(level.value)

    def part(self, name: str) -> Style:
        """Return the style of a component class `ink--NAME`."""
        return self.get_component_rich_style(f"ink--{name}")
