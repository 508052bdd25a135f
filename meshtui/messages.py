"""What parts of the screen tell each other: things that happened, in the past tense.

Pumps post Arrived; widgets and screens post the rest, and the app or the screen above them acts.
"""

from typing import Any

from textual.message import Message

from meshtui.model.scope import Scope


class Arrived(Message, bubble=False):
    """A source has an answer, or trouble. A newer one takes the place of one that still waits."""

    def __init__(self, tag: str, answer: Any, *, every: bool = False) -> None:
        super().__init__()
        self.tag = tag
        self.answer = answer
        self.every = every  # each one counts (tap): nothing may take its place

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Arrived) and message.tag == self.tag and not (self.every or message.every)


class ViewAsked(Message):
    """Somebody wants another view."""

    def __init__(self, view: str, scope: Scope, **options: Any) -> None:
        super().__init__()
        self.view = view
        self.scope = scope
        self.options = options


class NamespaceAsked(Message):
    """Somebody wants another namespace; empty: all."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted


class Flashed(Message):
    """Something to say in the flash line; level: info, warn or error."""

    def __init__(self, text: str, level: str = "info") -> None:
        super().__init__()
        self.text = text
        self.level = level


class PromptChanged(Message):
    """The text in the prompt changed."""

    def __init__(self, mode: str, text: str) -> None:
        super().__init__()
        self.mode = mode
        self.text = text


class PromptDone(Message):
    """Enter was pressed in the prompt."""

    def __init__(self, mode: str, text: str) -> None:
        super().__init__()
        self.mode = mode
        self.text = text


class PromptLeft(Message):
    """The prompt was left without enter."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode


class MeshFound(Message):
    """A mesh to look at has appeared."""

    def __init__(self, mesh: Any) -> None:
        super().__init__()
        self.mesh = mesh
