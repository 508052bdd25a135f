"""What tap and top look at is there, or is refused before anything is asked of sidecars."""

from typing import Any

import pytest

from meshcore.wire.common_pb2 import Resource
from meshcore.wire.tap_pb2 import TapMatch
from meshtui.cli import aim as module
from meshtui.cli.aim import Far, aim
from meshtui.cli.fault import Fault

NOBODY = Far("--to", "", "")


@pytest.fixture(autouse=True)
def required(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand for a mesh: every namespace is the one that is named, and all that is required is there."""
    found: list[Any] = []

    async def namespace_of(session: Any, namespace: str, *, everywhere: bool) -> str:
        return "" if everywhere else namespace

    async def require(session: Any, resources: list[Any]) -> None:
        found.extend(resources)

    monkeypatch.setattr(module, "namespace_of", namespace_of)
    monkeypatch.setattr(module, "require", require)
    return found


async def ask(match: TapMatch, to: Far, source: Far) -> list[Resource]:
    return await aim(None, ["deploy/web"], match, namespace="shop", everywhere=False, to=to, source=source)  # type: ignore[arg-type]


async def test_other_ends_are_in_the_targets_namespace_unless_another_is_named(required: list[Any]) -> None:
    match = TapMatch(methods=["GET"])
    targets = await ask(match, Far("--to", "svc/api", ""), Far("--from", "deploy/bot", "bots"))
    assert targets == [Resource(namespace="shop", kind="deployment", name="web")]
    assert match.to == Resource(namespace="shop", kind="service", name="api")
    assert getattr(match, "from") == Resource(namespace="bots", kind="deployment", name="bot")
    assert list(match.methods) == ["GET"]
    assert required == [*targets, match.to, getattr(match, "from")]


async def test_who_names_no_other_end_matches_all() -> None:
    match = TapMatch()
    await ask(match, NOBODY, NOBODY)
    assert match == TapMatch()


async def test_a_flag_that_names_nothing_is_named() -> None:
    with pytest.raises(Fault, match="--to"):
        await ask(TapMatch(), Far("--to", "nokind/web", ""), NOBODY)
