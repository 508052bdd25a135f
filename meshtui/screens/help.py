"""Help for the view that was left: every key that works there, from the table in `keys`, and the commands.

The app opens it over any view.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static

from meshtui import keys
from meshtui.model.scope import Scope
from meshtui.screens.scene import Scene
from meshtui.screens.text import Page
from meshtui.screens.view import View, entitle

Section = tuple[str, list[tuple[str, str]]]


class HelpView(View):
    """Keys and commands in as many columns as fit."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("page", "view", "app")
    NAME = "help"
    NAMESPACED = False

    def __init__(
        self,
        scene: Scene,
        scope: Scope,
        *,
        contexts: Sequence[str] = (),
        about: str = "",
        sorts: Sequence[tuple[str, str]] = (),
        words: Sequence[tuple[str, str]] = (),
        notes: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(scene, scope)
        self._sections = sections(contexts, sorts, words, notes)
        self._about = about
        self._static = Static()

    def body(self) -> Iterable[Widget]:
        with Page(classes="pane") as page:
            entitle(page, f"help {self._about}".strip())
            yield self._static

    def crumb(self) -> str:
        return "help"

    def on_resize(self) -> None:
        strong = self.app.theme_variables.get("head", "").replace("ansi_", "")
        key = self.app.theme_variables.get("primary", "").replace("ansi_", "")
        self._static.update(lay_out(self._sections, self.size.width - 4, heading=f"bold {strong}", key=key))


def sections(
    contexts: Sequence[str],
    sorts: Sequence[tuple[str, str]],
    words: Sequence[tuple[str, str]],
    notes: Sequence[tuple[str, str]],
) -> list[Section]:
    """Return titled lists of (key, what it does)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for key in keys.rows(contexts):
        name = keys.shown(key)
        pairs = found.setdefault(key.group, [])
        if key.action.startswith("namespace(") and key.action not in ("namespace(0)", "namespace(1)"):
            continue
        if key.action == "namespace(1)":
            pairs.append(("1-9", "a namespace of the header"))
        elif any(text == key.help for _, text in pairs):
            i = next(i for i, (_, text) in enumerate(pairs) if text == key.help)
            pairs[i] = (f"{pairs[i][0]} {name}", key.help)
        else:
            pairs.append((name, key.help))
    general = found.pop("General", [])
    listed = list(found.items())
    if notes:
        listed.append(("Words of the filter", list(notes)))
    if sorts:
        listed.append(("Sort", [(f"shift-{letter.lower()}", f"by {title.lower()}") for letter, title in sorts]))
    listed.append(("General", general))
    listed.append(("Commands", list(words)))
    return listed


def lay_out(parts: Sequence[Section], width: int, *, heading: str, key: str) -> Text:
    """Return the sections side by side, each row of them as high as the highest."""
    blocks = [_block(title, pairs, heading, key) for title, pairs in parts if pairs]
    wide = max((cell_len(line.plain) for block in blocks for line in block), default=1) + 3
    across = max(1, min(len(blocks), width // wide))
    piles: list[list[Text]] = [[] for _ in range(across)]
    for block in blocks:
        lowest = min(piles, key=len)
        lowest.extend([*block, Text()])
    text = Text()
    for i in range(max((len(pile) for pile in piles), default=0)):
        line = Text()
        for pile in piles:
            part = pile[i].copy() if i < len(pile) else Text()
            part.pad_right(max(0, wide - cell_len(part.plain)))
            line.append_text(part)
        line.rstrip()
        text.append_text(line)
        text.append("\n")
    return text


def _block(title: str, pairs: Sequence[tuple[str, str]], heading: str, key: str) -> list[Text]:
    width = max(len(name) for name, _ in pairs) + 2
    lines = [Text(title, heading)]
    for name, words in pairs:
        lines.append(Text.assemble((f"{name:{width}}", key), words))
    return lines
