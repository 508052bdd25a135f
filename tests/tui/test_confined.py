"""Somebody who may look at one namespace: they stay in it, and what may not be seen is said in full."""

from meshtui.model.scope import Trouble
from tests.tui.support.fake import FakeMesh
from tests.tui.support.stage import stage

DENIED = "not allowed: ann may not watch edges of observe.meshtui.dev in all namespaces, which is where it was asked"
HINT = "ask of one namespace, with -n; or an administrator allows it with: kubectl create clusterrolebinding NAME"


class Confined(FakeMesh):
    only = "emojivoto"


class Refusing(FakeMesh):
    async def edges(self, scope):  # type: ignore[no-untyped-def]
        yield Trouble(DENIED, HINT)

    async def observe(self, scope, match=None):  # type: ignore[no-untyped-def]
        yield Trouble(DENIED, HINT)


def words(text: str) -> str:
    return " ".join(text.split())


async def test_all_namespaces_is_not_offered_and_not_asked_for() -> None:
    async with stage(mesh=Confined(), namespace="emojivoto") as scene:
        assert "0 all" not in scene.text()
        assert scene.text().splitlines()[1].startswith(" 1 ")
        await scene.press("0")
        assert "only emojivoto may be looked at" in scene.text()
        await scene.command("edges")
        assert scene.view.scope.namespace == "emojivoto"
        await scene.command("ns")
        assert (scene.view.scope.kind, scene.view.scope.name) == ("namespace", "emojivoto")


async def test_a_refusal_is_read_whole_where_the_answer_would_be() -> None:
    async with stage((80, 24), mesh=Refusing()) as scene:
        for command in ("edges", "graph"):
            await scene.command(command)
            await scene.until(lambda: "kubectl create clusterrolebinding NAME" in words(scene.text()))
            assert words(f"× {DENIED} {HINT}") in words(scene.text())


async def test_who_may_not_tap_still_has_the_overview() -> None:
    async with stage((200, 60), mesh=Refusing()) as scene:
        await scene.until(lambda: words(scene.text()).count("kubectl create clusterrolebinding NAME") >= 1)
        assert "voting" in scene.text()
        assert scene.view.grid.row is not None
