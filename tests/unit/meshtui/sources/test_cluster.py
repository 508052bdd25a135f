"""Logs of several pods of a cluster, at once and to the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from meshtui.model.scope import Trouble
from meshtui.sources import cluster
from tests.support.wait import until


class Api:
    """An API server that has nothing but logs: as many lines as one reads."""

    def __init__(self, *endless: str, broken: str = "") -> None:
        self.open = 0
        self._endless = endless
        self._broken = broken

    async def get(self, path: str) -> dict[str, Any]:
        return {"spec": {"containers": [{"name": "web"}]}}

    @asynccontextmanager
    async def stream(self, path: str, query: Any, **options: Any) -> AsyncIterator[AsyncIterator[bytes]]:
        self.open += 1
        try:
            yield self._lines(path.split("/")[-2])
        finally:
            self.open -= 1

    async def _lines(self, pod: str) -> AsyncIterator[bytes]:
        if pod == self._broken:
            raise OSError("cut")
        yield f"of {pod}\nlast".encode()
        while pod in self._endless:
            yield b"\nmore"
            await asyncio.sleep(0)


def together(api: Api, *pods: str) -> Any:
    return cluster._together(api, [("shop", pod) for pod in pods], proxy=False)  # type: ignore[arg-type]


async def test_each_line_bears_its_pod_and_one_that_breaks_costs_no_other() -> None:
    found: list[str] = []
    troubles: list[str] = []
    async for each in together(Api(broken="b"), "a", "b"):
        if isinstance(each, Trouble):
            troubles.append(each.message)
        else:
            found += each
    assert found == ["a  of a", "a  last"]
    assert troubles == ["b: cut"]


@pytest.mark.parametrize("read", [1, 300])
async def test_who_leaves_leaves_no_stream_open(read: int) -> None:
    api = Api("a", "b")
    lines = together(api, "a", "b")
    for _ in range(read):
        await anext(lines)
    await until(lambda: api.open == 2)
    for _ in range(1000):  # until nothing more fits
        await asyncio.sleep(0)
    await lines.aclose()
    assert api.open == 0
