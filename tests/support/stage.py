"""A bare app for widget tests: the product's themes, and nothing but the widgets given."""

from textual.app import App, ComposeResult
from textual.widget import Widget

from meshtui import themes


class Stage(App[None]):
    """Shows widgets under one of the product's themes."""

    def __init__(self, *widgets: Widget, theme: str = themes.DARK.name) -> None:
        super().__init__()
        for each in themes.THEMES:
            self.register_theme(each)
        self.theme = theme
        self._widgets = widgets

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.DEFAULTS

    def compose(self) -> ComposeResult:
        yield from self._widgets
