"""The line that `:` and `/` open: a text, and the words that would complete it.

Views own one, hidden until asked for. It posts what was typed; what it means is for the screen and the app.
"""

from collections.abc import Callable, Sequence

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from meshtui.messages import PromptChanged, PromptDone, PromptLeft

Complete = Callable[[str], Sequence[str]]
SIGNS = {"command": ":", "filter": "/"}
REMEMBERED = 100  # texts to go back to


class Field(Input):
    """The text. A key that is the prompt's is done here and now: further up it would undo what is typed after it."""

    def __init__(self, prompt: "Prompt") -> None:
        super().__init__(compact=True, select_on_focus=False)
        self._prompt = prompt

    def on_key(self, event: events.Key) -> None:
        if self._prompt.take(event.key):
            event.stop()
            event.prevent_default()


class Prompt(Vertical):
    """`:` for commands, `/` for filters."""

    DEFAULT_CSS = """
    Prompt {
        height: auto;
        display: none;
        background: $panel;
        &.-open { display: block; }
        & #words { height: 1; padding: 0 1; color: $faint; background: $panel; }
        & #line { height: 1; }
        & #sign { width: 2; padding: 0 0 0 1; color: $primary; text-style: bold; background: $panel; }
        & Input {
            border: none; height: 1; padding: 0; background: $panel; color: $strong;
            &:focus { border: none; }
        }
    }
    """

    def __init__(self, complete: Complete, history: list[str]) -> None:
        super().__init__()
        self.mode = ""
        self._complete = complete
        self._words: Sequence[str] = ()
        self._at = -1
        self._typed = ""
        self._history = history  # of all prompts, newest last

    def compose(self) -> ComposeResult:
        yield Static(id="words")
        with Horizontal(id="line"):
            yield Label(":", id="sign")
            yield Field(self)

    @property
    def open(self) -> bool:
        return self.has_class("-open")

    def ask(self, mode: str, text: str = "") -> None:
        """Open the prompt in a mode (command or filter), with a text to go on from."""
        self.mode = mode
        self.query_one("#sign", Label).update(SIGNS[mode])
        self.add_class("-open")
        field = self.query_one(Input)
        field.value = text
        field.cursor_position = len(text)
        self._offer(text)
        self.screen.set_focus(field)  # at once: over a slow line the next keys are here already

    def leave(self) -> None:
        """Close it at once: a key that comes next is not for it. The focus goes back to where the screen puts it."""
        self.remove_class("-open")
        field = self.query_one(Input)
        field.value = ""
        if field.has_focus:
            self.screen.set_focus(None)

    @on(Input.Changed)
    def _typing(self, event: Input.Changed) -> None:
        event.stop()
        if not self.open:
            return
        self._keep_up(event.input.value)
        self.post_message(PromptChanged(self.mode, event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if text and self.mode == "command":
            self._history[:] = [*(each for each in self._history if each != text), text][-REMEMBERED:]
        self.leave()
        self.post_message(PromptDone(self.mode, text))

    def take(self, key: str) -> bool:
        """Tab and arrows walk through the words, escape leaves, ctrl-u begins anew; False: the key is for the text."""
        steps = {"tab": 1, "shift+tab": -1, "down": 1, "up": -1}
        if key == "escape":
            self.leave()
            self.post_message(PromptLeft(self.mode))
        elif key == "up" and not self._typed and self._at < 0 and self._history:
            self._words = self._history[::-1]
            self._walk(1)
        elif key in steps:
            self._walk(steps[key])
        elif key == "ctrl+u":
            self.query_one(Input).value = ""
        elif key == "ctrl+f" or (key == "right" and self._at_end() and self._at < 0):
            self._walk(1)
        else:
            return False
        return True

    def _at_end(self) -> bool:
        field = self.query_one(Input)
        return bool(field.value) and field.cursor_position == len(field.value)

    def _offer(self, text: str) -> None:
        self._typed, self._at = text, -1
        self._words = self._complete(text) if self.mode == "command" else ()
        self._paint()

    def _keep_up(self, text: str) -> None:
        """Offer words for a text that is not yet known, though what tells of it may still be under way."""
        if text != (self._words[self._at] if self._at >= 0 else self._typed):
            self._offer(text)

    def _walk(self, step: int) -> None:
        field = self.query_one(Input)
        self._keep_up(field.value)
        words = self._words
        if self.mode != "command" or not words:
            return
        self._at = (self._at + step) % len(words) if self._at >= 0 or step > 0 else len(words) - 1
        field.value = words[self._at]
        field.cursor_position = len(field.value)
        self._paint()

    def _paint(self) -> None:
        line = self.query_one("#words", Static)
        line.display = self.mode == "command"
        text = Text(no_wrap=True, overflow="ellipsis")
        chosen = self.app.theme_variables.get("strong", "").replace("ansi_", "")
        first = max(0, self._at - 5)
        for i, word in enumerate(self._words[first:], first):
            text.append(word.strip(), f"bold reverse {chosen}" if i == self._at else "")
            text.append("  ")
        line.update(text)
