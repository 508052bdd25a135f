"""The Stack: the hooks of a list of stages, and the verdicts that they answer with.

stacks.py builds two of them, the hosts run every exchange through one. Body bytes never pass here.
"""

from collections.abc import Sequence
from typing import Any, Final

from agents.sidecar.engine.exchange import Exchange


class Reply:
    """A verdict: answer now, with this; the request goes no further. `error` is the reason, one word."""

    __slots__ = ("body", "close", "error", "grpc_status", "headers", "status")

    def __init__(
        self,
        status: int,
        error: str,
        body: bytes = b"",
        headers: Sequence[tuple[bytes, bytes]] = (),
        grpc_status: int | None = None,
        close: bool = False,
    ) -> None:
        self.status = status
        self.error = error
        self.body = body
        self.headers = headers
        self.grpc_status = grpc_status  # None: the one that the HTTP status maps to
        self.close = close  # the client's connection ends with it


class Hold:
    """A verdict: wait. The stage calls `x.resume()` later; the host then asks the Stack again, from that stage on."""

    __slots__ = ()


HOLD: Final = Hold()
Verdict = Reply | Hold | None


class Stack:
    """One tuple of bound hooks per moment, in the order of the list; stages without a hook cost nothing.

    Neither does one that sleeps: a stage may have `asleep`, and then calls what it was given by `watch` at each change.
    One that wants to know more of a few exchanges has no hook for that, but leaves word with these: `Exchange.tap`.
    """

    __slots__ = ("_awake", "_end", "_head", "_heads", "_refused", "_shut", "_sleepers", "stages")

    def __init__(self, *stages: Any) -> None:
        self.stages = stages
        self._heads = _hooks(stages, "on_head")  # of those asleep, too: held exchanges know where they were
        self._shut: Stack | None = None
        self._sleepers = tuple(stage for stage in stages if hasattr(stage, "asleep"))
        self._awake: dict[tuple[bool, ...], tuple[tuple[Any, ...], ...]] = {}  # hooks, by which of them sleep
        self._arrange()
        for stage in self._sleepers:
            stage.watch(self._arrange)

    @property
    def shut(self) -> "Stack":
        """What connections over the limit pass: the same stages, but the one that limits lets nothing through."""
        if self._shut is None:
            self._shut = Stack(*[stage.shut() if hasattr(stage, "shut") else stage for stage in self.stages])
        return self._shut

    def head(self, x: Exchange) -> Verdict:
        """Run `on_head` hooks until one has a verdict; a held exchange goes on at the hook that held it."""
        hooks = self._heads[x.held :] if x.held else self._head
        for hook in hooks:
            verdict: Verdict = hook(x)
            if verdict is not None:
                if verdict is HOLD:
                    x.held = self._heads.index(hook)
                return verdict
        return None

    def reply(self, x: Exchange) -> None:
        """The response's head has come, or is our own."""
        if x.error:
            for hook in self._refused:
                hook(x)
        if x.tap is not None:
            x.tap.reply(x)

    def end(self, x: Exchange) -> None:
        """It is over, one way or the other; called exactly once for each exchange."""
        for hook in self._end:
            hook(x)
        if x.tap is not None:
            x.tap.end(x)

    def _arrange(self) -> None:
        asleep = tuple([stage.asleep for stage in self._sleepers])
        hooks = self._awake.get(asleep)
        if hooks is None:
            awake = [stage for stage in self.stages if not getattr(stage, "asleep", False)]
            hooks = self._awake[asleep] = (
                _hooks(awake, "on_head"),
                _hooks(awake, "on_refused"),
                _hooks(awake, "on_end"),
            )
        self._head, self._refused, self._end = hooks


def _hooks(stages: Sequence[Any], moment: str) -> tuple[Any, ...]:
    return tuple(getattr(stage, moment) for stage in stages if hasattr(stage, moment))
