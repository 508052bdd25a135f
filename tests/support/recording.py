"""A recorded mesh: what a running one answered for a while, and a Mesh that gives the same answers again.

The pictures in screenshots/ are drawn from a recording, so that what they show happened.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from meshtui.model.scope import Scope
from meshtui.sources.mesh import LocalMesh

Key = tuple[str, str, str]  # question, kind and name of the scope
NAMESPACE = "emojivoto"

QUESTIONS: tuple[tuple[str, Scope], ...] = (
    ("status", Scope()),
    ("check", Scope()),
    ("stat", Scope("deployment", NAMESPACE)),
    ("stat", Scope("pod", NAMESPACE)),
    ("stat", Scope("namespace")),
    ("edges", Scope("deployment", NAMESPACE)),
    ("pods", Scope("pod", NAMESPACE)),
    ("top", Scope("deployment", NAMESPACE, "web")),
    ("observe", Scope("deployment", NAMESPACE, "web")),
    ("observe", Scope("deployment", NAMESPACE)),
)


class Recording:
    """Answers by question, in the order they came; it plays as a `meshtui.sources.mesh.Mesh`."""

    name = "demo"
    only = ""

    def __init__(self, answers: dict[Key, list[Any]], ended: float) -> None:
        self.answers = answers
        self.ended = ended  # Unix time, s

    def status(self) -> AsyncIterator[Any]:
        return self._play("status", Scope())

    def check(self) -> AsyncIterator[Any]:
        return self._play("check", Scope())

    def stat(self, scope: Scope) -> AsyncIterator[Any]:
        return self._play("stat", scope)

    def edges(self, scope: Scope) -> AsyncIterator[Any]:
        return self._play("edges", scope)

    def pods(self, scope: Scope) -> AsyncIterator[Any]:
        return self._play("pods", scope)

    def observe(self, scope: Scope, match: Any = None) -> AsyncIterator[Any]:
        return self._play("observe", scope)

    def top(self, scope: Scope, **_: Any) -> AsyncIterator[Any]:
        return self._play("top", scope)

    def log(self, scope: Scope, *, proxy: bool = False) -> AsyncIterator[Any]:
        return self._play("log", scope)

    def alive(self) -> bool:
        return True

    async def close(self) -> None:
        """Nothing to close."""

    async def _play(self, question: str, scope: Scope) -> AsyncIterator[Any]:
        for answer in self.find(question, scope):
            yield answer
        await asyncio.Event().wait()

    def find(self, question: str, scope: Scope) -> list[Any]:
        """Return what was answered to a question, or to the one nearest to it."""
        keys: tuple[Key, ...] = (
            (question, scope.kind, scope.name or scope.owner),
            (question, scope.owner_kind, scope.owner),
            (question, scope.kind, ""),
        )
        for key in keys:
            if key in self.answers:
                return self.answers[key]
        return next((found for key, found in self.answers.items() if key[0] == question), [])


async def record(mesh: LocalMesh, seconds: float) -> Recording:
    """Ask a running mesh everything that screens ask, for so long."""
    answers: dict[Key, list[Any]] = {}

    async def listen(question: str, scope: Scope) -> None:
        ask: Callable[..., Any] = getattr(mesh, question)
        kept = answers.setdefault((question, scope.kind, scope.name), [])
        async with aclosing(ask() if question in ("status", "check") else ask(scope)) as stream:
            async for answer in stream:
                kept.append(answer)

    tasks = [asyncio.create_task(listen(question, scope)) for question, scope in QUESTIONS]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await mesh.close()
    return Recording(answers, time.time())
