"""Meshes that appear on this machine, and a demo that does not start."""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from meshcore.client.place import Place, PlaceError
from meshtui.model.scope import Trouble
from meshtui.sources import local


async def take(source: Any, count: int) -> list[Any]:
    found = []
    async with aclosing(source) as answers, asyncio.timeout(60):
        async for answer in answers:
            found.append(answer)
            if len(found) == count:
                break
    return found


async def test_a_mesh_is_told_once_its_control_plane_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("demo", tmp_path)
    monkeypatch.setattr(local, "LOOK_S", 0.01)
    monkeypatch.setattr(local, "running", lambda: [place])

    async def appear() -> None:
        await asyncio.sleep(0.05)
        place.socket.touch()

    task = asyncio.create_task(appear())
    none, one = await take(local.meshes(), 2)
    assert none == []
    assert [mesh.name for mesh in one] == ["demo"]
    await task


async def test_a_runtime_folder_that_cannot_be_used_has_no_meshes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> list[Place]:
        raise PlaceError("not yours")

    monkeypatch.setattr(local, "running", refuse)
    assert await take(local.meshes(), 1) == [[]]


async def test_a_demo_that_does_not_start_says_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho starting\necho port 8080 is in use\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    *_, said, trouble = await take(local.start_demo(), 3)
    assert said == ["starting", "port 8080 is in use"]
    assert isinstance(trouble, Trouble)
    assert trouble.message == "port 8080 is in use"
