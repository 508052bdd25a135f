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
    """One tuple of bound hooks per moment, in the order of the list; stages without a hook cost nothing."""

    __slots__ = ("_end", "_head", "_reply", "_shut", "stages")

    def __init__(self, *stages: Any) -> None:
        self.stages = stages
        self._head = tuple(stage.on_head for stage in stages if hasattr(stage, "on_head"))
        self._reply = tuple(stage.on_reply for stage in stages if hasattr(stage, "on_reply"))
        self._end = tuple(stage.on_end for stage in stages if hasattr(stage, "on_end"))
        self._shut: Stack | None = None

    @property
    def shut(self) -> "Stack":
        """What connections over the limit pass: the same stages, but the one that limits lets nothing through."""
        if self._shut is None:
            self._shut = Stack(*[stage.shut() if hasattr(stage, "shut") else stage for stage in self.stages])
        return self._shut

    def head(self, x: Exchange) -> Verdict:
        """Run `on_head` hooks until one has a verdict; a held exchange goes on at the hook that held it."""
        hooks = self._head[x.held :] if x.held else self._head
        for hook in hooks:
            verdict: Verdict = hook(x)
            if verdict is not None:
                if verdict is HOLD:
                    x.held = self._head.index(hook)
                return verdict
        return None

    def reply(self, x: Exchange) -> None:
        """The response's head has come."""
        for hook in self._reply:
            hook(x)

    def end(self, x: Exchange) -> None:
        """It is over, one way or the other; called exactly once for each exchange."""
        for hook in self._end:
            hook(x)
