"""What stands between the answers of a source: told once, asked again for as long as somebody may mend it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest

from meshcore.client.channel import Session
from meshcore.client.failure import ClientError
from meshtui.model.scope import Trouble
from meshtui.sources import mesh
from meshtui.sources.mesh import LiveMesh

EXPIRED = ClientError("these credentials have expired", "log in again", code="unauthenticated")
UNKNOWN = ClientError("there is no deploy/wbe", "did you mean web?", code="not_found")


class Scripted(LiveMesh):
    """Its answers are said beforehand; an error instead of one is raised."""

    def __init__(self, *answers: object) -> None:
        super().__init__("demo")
        self.answers = list(answers)

    async def enter(self, stack: AsyncExitStack) -> Session:
        return cast("Session", None)

    async def told(self, count: int) -> list[Any]:
        found: list[Any] = []
        async for each in self._follow(self._ask):
            found.append(each)
            if len(found) == count:
                break
        return found

    async def _ask(self, session: Session) -> AsyncIterator[object]:
        while self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            yield answer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh, "MENDED_S", 0.0)


async def test_a_refusal_that_somebody_mends_is_told_once_and_asked_again() -> None:
    found = await Scripted(1, EXPIRED, EXPIRED, EXPIRED, 2, EXPIRED, 3).told(5)
    trouble = Trouble(str(EXPIRED), EXPIRED.hint, lost=False)
    assert found == [1, trouble, 2, trouble, 3]


async def test_what_no_waiting_mends_ends_the_source() -> None:
    assert await Scripted(1, UNKNOWN, 2).told(3) == [1, Trouble(str(UNKNOWN), UNKNOWN.hint, lost=False)]
