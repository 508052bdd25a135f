"""From a source to messages: one worker per source, which never touches a widget.

Screens start a pump per source when they are shown and stop it when they are not; what arrives is a message to
the screen, where the newest takes the place of one that still waits.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, cast

from textual.app import App
from textual.dom import DOMNode
from textual.worker import Worker

from meshtui.messages import Arrived

Opener = Callable[[], AsyncIterator[Any]]


class Pump:
    """Carries the answers of one source to `owner` under `tag`, until stopped."""

    def __init__(self, owner: DOMNode | App[Any], tag: str, source: Opener, *, every: bool = False) -> None:
        self._owner = owner
        self._tag = tag
        self._source = source
        self._every = every
        self._worker: Worker[None] = owner.run_worker(self._carry, name=tag, group=f"pump-{tag}", exclusive=True)

    def stop(self) -> None:
        """Close the source; nothing arrives afterwards."""
        self._worker.cancel()

    async def _carry(self) -> None:
        # a generator that is not closed here would be closed by the garbage collector, some time
        async with aclosing(cast("Any", self._source())) as answers:
            async for answer in answers:
                self._owner.post_message(Arrived(self._tag, answer, every=self._every))
