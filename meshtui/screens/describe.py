"""A row of the stat table described: its figures as they were, its age, and its pods as they come and go.

Stat views open it; the facts are known to them, the pods are asked for here.
"""

from collections.abc import Sequence
from typing import Any

from meshtui.columns import pods
from meshtui.model.clean import clean
from meshtui.model.document import aligned
from meshtui.model.scope import Scope, Trouble
from meshtui.pump import Opener
from meshtui.screens.scene import Scene
from meshtui.screens.text import TextView


class DescribeView(TextView):
    """Facts, and the pods of what they are about (`of`: nothing has none)."""

    NAME = "describe"

    def __init__(
        self, scene: Scene, scope: Scope, *, title: str, facts: Sequence[tuple[str, str]], of: Scope | None
    ) -> None:
        super().__init__(scene, scope, title=title, text=aligned(facts))
        self._facts = facts
        self._of = of

    def sources(self) -> dict[str, Opener]:
        of = self._of
        return {} if of is None else {"pods": lambda: self.mesh.pods(of)}

    def take(self, tag: str, answer: Any) -> None:
        text = aligned([*self._facts, *pods.summary(answer.pods, self.scene.clock())])
        self._lines = [clean(line) for line in text.splitlines()]
        self._paint()

    def refused(self, tag: str, trouble: Trouble) -> None:
        """Who may see figures need not have the right to pods."""
