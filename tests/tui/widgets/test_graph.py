"""The service graph in an app: keys walk it, the mouse selects, enter opens, and it suits the room it has."""

from textual.pilot import Pilot

from meshcore.wire.stats_pb2 import EdgesResponse
from meshtui.model.graph import Node, around
from meshtui.widgets.graph import ServiceGraph
from meshtui.widgets.sheet import Caption, Sheet
from tests.support.edges import EMOJIVOTO, answer
from tests.support.stage import Stage

SHOP = "in.edge>a.shop a.shop>b.shop b.shop>db.data"


def n(name: str, namespace: str = "emojivoto") -> Node:
    return Node(namespace, "deployment", name)


class Host(Stage):
    """Notes what the graph says."""

    def __init__(self, *, ascii: bool = False) -> None:
        self.graph = ServiceGraph(ascii=ascii)
        self.said: list[tuple[str, object]] = []
        super().__init__(self.graph)

    def on_service_graph_moved(self, event: ServiceGraph.Moved) -> None:
        self.said.append(("moved", event.what))

    def on_service_graph_selected(self, event: ServiceGraph.Selected) -> None:
        self.said.append(("selected", event.what))

    async def show(self, pilot: Pilot[None], text: str = EMOJIVOTO) -> None:
        self.graph.update(answer(text))
        self.graph.focus()
        await pilot.pause()

    @property
    def lines(self) -> str:
        sheet = self.query_one(Sheet)
        return "\n".join(sheet.render_line(y).text.rstrip() for y in range(sheet.size.height))


async def test_keys_walk_along_the_calls_and_enter_opens() -> None:
    app = Host()
    async with app.run_test(size=(130, 20)) as pilot:
        await app.show(pilot)
        await pilot.press("right", "right", "l", "right", "down", "right", "enter")
        web, voting = n("web"), n("voting")
        assert [what for kind, what in app.said if kind == "moved"] == [
            n("vote-bot"),
            (n("vote-bot"), web),
            web,
            (web, n("emoji")),
            (web, voting),
            voting,
        ]
        assert app.said[-1] == ("selected", voting)
        await pilot.press("h")
        assert app.graph.selected == (web, voting)


async def test_the_mouse_selects_and_a_second_click_opens() -> None:
    app = Host()
    async with app.run_test(size=(130, 20)) as pilot:
        await app.show(pilot)
        y = next(y for y, line in enumerate(app.lines.splitlines()) if "─ web ─" in line)
        x = app.lines.splitlines()[y].index("─ web ─")
        await pilot.click(Sheet, offset=(x + 2, y))
        assert app.graph.selected == n("web")
        await pilot.click(Sheet, offset=(x + 2, y))
        assert ("selected", n("web")) in app.said
        await pilot.click(Sheet, offset=(0, 0))
        assert app.graph.selected is None


async def test_it_suits_the_room() -> None:
    seen = []
    for size in ((130, 12), (80, 24), (70, 12), (40, 12)):
        app = Host()
        async with app.run_test(size=size) as pilot:
            await app.show(pilot)
            seen.append((app.graph.look.labels, app.graph.look.down))
    assert seen == [(True, False), (True, True), (False, False), (False, True)]


async def test_the_selection_survives_new_numbers_and_new_sizes() -> None:
    app = Host()
    async with app.run_test(size=(130, 20)) as pilot:
        await app.show(pilot)
        app.graph.select(n("voting"))
        app.graph.update(answer(EMOJIVOTO.replace(":84", ":99")))
        await pilot.resize_terminal(60, 16)
        await pilot.pause()
        assert app.graph.selected == n("voting")
        assert "99.0%" in app.lines


async def test_what_is_gone_is_not_selected_any_more() -> None:
    app = Host()
    async with app.run_test(size=(130, 20)) as pilot:
        await app.show(pilot)
        app.graph.select(n("voting"))
        app.graph.clear()
        app.graph.update(answer("a>b"))
        await pilot.pause()
        assert app.graph.selected is None


async def test_a_quiet_edge_stays_for_a_while() -> None:
    app = Host()
    async with app.run_test(size=(130, 20)) as pilot:
        await app.show(pilot)
        app.graph.update(EdgesResponse())
        await pilot.pause()
        assert "idle" in app.lines


async def test_namespaces_fold() -> None:
    app = Host()
    async with app.run_test(size=(130, 20)) as pilot:
        await app.show(pilot, SHOP)
        app.graph.select(n("a", "shop"))
        await pilot.press("f")
        assert app.graph.selected == Node("shop", "namespace", "shop")
        assert "shop (2)" in app.lines
        await pilot.press("f")
        assert "─ a ─" in app.lines
        app.graph.select(None)
        await pilot.press("f")
        assert [node.name for node in app.graph.graph.nodes] == ["data", "edge", "shop"]


async def test_labels_and_direction_can_be_chosen() -> None:
    app = Host()
    async with app.run_test(size=(130, 30)) as pilot:
        await app.show(pilot)
        await pilot.press("n", "v")
        assert (app.graph.look.labels, app.graph.look.down) == (False, True)
        await pilot.press("n", "v")
        assert (app.graph.look.labels, app.graph.look.down) == (True, False)


async def test_only_the_surroundings() -> None:
    app = Host()
    async with app.run_test(size=(130, 20)) as pilot:
        await app.show(pilot)
        app.graph.update(answer(EMOJIVOTO), lambda graph: around(graph, n("emoji")))
        await pilot.pause()
        assert "vote-bot" not in app.lines


async def test_a_large_graph_scrolls_to_what_is_selected() -> None:
    text = " ".join(f"s{i:02d}>s{i + 1:02d}" for i in range(30))
    app = Host()
    async with app.run_test(size=(80, 12)) as pilot:
        await app.show(pilot, text)
        app.graph.select(n("s30"))
        await pilot.pause()
        assert "s30" in app.lines


async def test_ascii_throughout() -> None:
    app = Host(ascii=True)
    async with app.run_test(size=(130, 20)) as pilot:
        await app.show(pilot)
        assert app.lines.isascii()
        assert "mTLS" in app.lines
        assert app.query_one(Caption).render().plain.isascii()


async def test_an_empty_graph_has_only_the_legend() -> None:
    app = Host()
    async with app.run_test(size=(80, 12)) as pilot:
        await app.show(pilot, "")
        await pilot.press("right", "enter")
        assert not app.lines.strip()
        assert "mutual TLS" in app.query_one(Caption).render().plain
