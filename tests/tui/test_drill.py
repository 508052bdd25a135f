"""The way down and back: namespace, deployment, pods, requests; and what `:` and digits do to it."""

from meshtui.model.scope import Scope
from tests.tui.support.stage import stage


async def test_from_namespaces_down_to_requests_and_back() -> None:
    async with stage() as scene:
        await scene.command("ns")
        scene.view.grid.go_to("/emojivoto")
        await scene.press("enter")
        assert scene.view.scope == Scope("deployment", "emojivoto")
        await scene.until(lambda: scene.view.table.rows)
        scene.view.grid.go_to("emojivoto/voting")
        await scene.press("enter")
        assert scene.view.scope == Scope("pod", "emojivoto", owner_kind="deployment", owner="voting")
        await scene.until(lambda: len(scene.view.table.rows) == 2)
        await scene.press("enter")
        assert scene.showing == "tap"
        assert scene.view.scope == Scope("pod", "emojivoto", "voting-0")
        assert scene.app.scene.crumbs == [
            "overview",
            "namespaces",
            "deployments",
            "pods deploy/voting",
            "tap po/voting-0",
        ]
        for name in ("stat", "stat", "stat", "overview"):
            await scene.press("escape")
            assert scene.showing == name
        await scene.press("escape")
        assert scene.showing == "overview"


async def test_only_the_view_on_top_asks_the_mesh() -> None:
    async with stage((80, 24)) as scene:
        await scene.command("ns")
        await scene.command("po")
        await scene.until(lambda: scene.mesh.running == 2)  # status and the pods
        await scene.press("question_mark")
        await scene.until(lambda: scene.mesh.running == 1)
        await scene.press("escape")
        await scene.until(lambda: scene.mesh.running == 2)


async def test_after_going_back_a_command_means_the_namespace_that_shows() -> None:
    async with stage() as scene:
        scene.view.grid.go_to("emojivoto/web")
        await scene.press("enter")
        await scene.settle()
        await scene.press("escape")
        await scene.settle()
        await scene.command("po")
        assert scene.view.scope == Scope("pod")


async def test_a_digit_takes_no_text_away() -> None:
    for key in ("d", "y", "question_mark"):
        async with stage() as scene:
            await scene.until(lambda: scene.view.table.rows)
            await scene.press(key)
            await scene.settle()
            before = scene.text()
            await scene.press("1")
            await scene.settle()
            assert scene.text() == before


async def test_names_on_the_screens_complete_a_command() -> None:
    async with stage() as scene:
        await scene.until(lambda: scene.view.table.rows)
        await scene.press("colon", *"tap", "space", *"deploy", "slash", *"vot", "tab")
        assert scene.view.query_one("Prompt Input").value == "tap deploy/vote-bot"


async def test_digits_ask_the_same_of_another_namespace() -> None:
    async with stage() as scene:
        await scene.press("2")
        await scene.settle()
        assert scene.view.scope == Scope("deployment", "emojivoto")
        await scene.until(lambda: {row.resource.namespace for row in scene.view.table.rows} == {"emojivoto"})
        await scene.press("0")
        await scene.settle()
        assert scene.view.scope == Scope("deployment")
        await scene.press("7")
        assert "no namespace 7" in scene.text()


async def test_commands_stand_on_the_first_view_and_are_remembered() -> None:
    async with stage() as scene:
        await scene.command("po")
        await scene.command("edges")
        assert scene.app.scene.crumbs == ["overview", "edges all"]
        await scene.press("left_square_bracket")
        await scene.settle()
        assert scene.app.scene.crumbs == ["overview", "pods"]
        await scene.command("top")
        for crumb in ("pods", "top", "pods"):  # the last two in turn, though three were typed
            await scene.press("minus")
            await scene.settle()
            assert scene.app.scene.crumbs[-1].startswith(crumb), scene.app.scene.crumbs
        await scene.command("overview")
        assert scene.app.scene.crumbs == ["overview"]


async def test_keys_of_a_workload_lead_to_its_views() -> None:
    for key, name in (("t", "tap"), ("o", "top"), ("e", "edges"), ("x", "graph"), ("l", "logs")):
        async with stage((100, 30)) as scene:
            scene.view.grid.go_to("emojivoto/web")
            await scene.press(key)
            assert scene.showing == name
            assert (scene.view.scope.namespace, scene.view.scope.name) == ("emojivoto", "web")


async def test_a_row_of_top_and_an_edge_lead_to_their_requests() -> None:
    async with stage() as scene:
        await scene.command("top")
        await scene.until(lambda: scene.view.table.rows)
        await scene.press("enter")
        assert scene.showing == "tap"
        assert scene.view.scope.filter.startswith("method=GET path=^/api/list source=^vote-bot")
        await scene.command("edges emojivoto")
        await scene.until(lambda: scene.view.table.rows)
        await scene.press("enter")
        assert scene.view.scope == Scope("deployment", "emojivoto", "web", filter="source=^vote-bot")


async def test_a_request_opens_and_the_next_one_follows() -> None:
    async with stage() as scene:
        await scene.command("tap deploy/web emojivoto")
        await scene.until(lambda: scene.view.table.rows)
        await scene.press("home", "enter")
        assert scene.showing == "inspect"
        await scene.until(lambda: "/api/list" in scene.text())
        await scene.press("n")
        await scene.until(lambda: "ListAll" in scene.text())
        await scene.press("p")
        await scene.until(lambda: "/api/list" in scene.text())


async def test_the_graph_walks_along_calls_and_opens_them() -> None:
    async with stage() as scene:
        await scene.command("graph emojivoto")
        await scene.until(lambda: len(scene.view.graph.graph.nodes) == 4)
        await scene.press("right", "enter")
        assert scene.showing in ("stat", "tap")


async def test_a_slip_is_answered_in_the_bottom_line() -> None:
    async with stage() as scene:
        await scene.command("deplyo")
        assert "did you mean deploy?" in scene.text()
        assert scene.showing == "overview"


async def test_q_quits() -> None:
    async with stage() as scene:
        await scene.press("q")
        assert scene.app.return_code == 0
