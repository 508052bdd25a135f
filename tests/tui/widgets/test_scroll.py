"""Bars stand where the lines do, from the first time they show."""

from meshtui.columns import exchange
from meshtui.model.exchange import Exchange, Exchanges
from meshtui.model.table import Table
from meshtui.screens.logs import Lines
from meshtui.widgets.grid import Grid
from tests.support.stage import Stage
from tests.tui.support.fake import observe

SIZE = (60, 8)


async def test_a_grid_that_is_filled_and_goes_to_its_last_row_in_one_turn_has_its_bar_at_the_end() -> None:
    exchanges = Exchanges(100)
    exchanges.extend(observe(0).events)
    table: Table[Exchange] = Table(exchange.columns(ascii=False), lambda row: row.id)
    grid = Grid(table)
    async with Stage(grid).run_test(size=SIZE) as pilot:
        await pilot.pause()
        table.put(exchanges.rows())
        grid.show()
        grid.action_last()
        await pilot.pause()
        assert grid.scroll_y == grid.max_scroll_y > 0
        assert grid.vertical_scrollbar.position == grid.max_scroll_y


async def test_a_log_follows_its_end_from_its_first_lines_on() -> None:
    lines = Lines()
    async with Stage(lines).run_test(size=SIZE) as pilot:
        await pilot.pause()
        lines.show([f"line {i}" for i in range(30)], end=True)
        await pilot.pause()
        assert lines.scroll_y == lines.max_scroll_y > 0
        assert lines.vertical_scrollbar.position == lines.max_scroll_y


async def test_a_log_that_follows_shows_its_last_line_above_the_bar_of_a_long_one() -> None:
    lines = Lines()
    async with Stage(lines).run_test(size=SIZE) as pilot:
        await pilot.pause()
        lines.show(["long " * 40, *(f"line {i}" for i in range(30))], end=True)
        await pilot.pause()
        await pilot.pause()
        assert lines.show_horizontal_scrollbar
        assert lines.scroll_y == lines.max_scroll_y == 31 - (SIZE[1] - 1)
