"""The request inspector in an app: shows, folds, scrolls, and keeps its place."""

from functools import partial

from meshtui.columns.inspection import page
from meshtui.model.exchange import Exchanges
from meshtui.widgets.inspector import Inspector
from tests.support.stage import Stage
from tests.support.tapping import request


async def test_a_page_scrolls_and_stays_while_it_is_the_same_request() -> None:
    ring = Exchanges()
    ring.extend(request("a", path="/" + "x" * 300))
    one = ring.rows()[0]
    inspector = Inspector()
    async with Stage(inspector).run_test(size=(60, 12)) as pilot:
        inspector.update(one.id, partial(page, one, ring.pair(one)))
        await pilot.pause()
        assert inspector.max_scroll_y > 20
        inspector.scroll_to(y=5, animate=False)
        await pilot.pause()
        inspector.update(one.id, partial(page, one, ring.pair(one)))
        await pilot.pause()
        assert inspector.scroll_y == 5
        ring.extend(request("b"))
        other = ring.rows()[1]
        inspector.update(other.id, partial(page, other, ring.pair(other)))
        await pilot.pause()
        assert inspector.scroll_y == 0
        assert ":authority" in inspector.text
