"""The header: what gives way where there is little room, and what is said by sign and not by hue alone."""

from meshtui.widgets.header import Header
from tests.tui.support.stage import stage


async def test_health_is_the_last_to_go() -> None:
    async with stage((80, 24)) as scene:
        header = scene.view.query_one(Header)
        header.mesh, header.namespace = "a-mesh-with-a-long-name", "a-namespace-with-a-long-name"
        line = header.render().plain.splitlines()[0]
        assert line.endswith("√ ctl")
        assert "proxies" not in line
        assert len(line) <= 80


async def test_missing_proxies_and_failures_have_signs() -> None:
    async with stage((120, 40)) as scene:
        header = scene.view.query_one(Header)
        assert header.status is not None
        header.status.uplinks, header.status.failing, header.status.success = 11, 1, 0.7
        line = header.render().plain.splitlines()[0]
        for words in ("‼ 11/12 proxies", "× 1 failing", "× 70.0%"):
            assert words in line


async def test_a_silent_replica_of_the_control_plane_is_no_good_health() -> None:
    for size, words in (((120, 40), "‼ 1 of 3 replicas did not answer"), ((80, 24), "‼ ctl")):
        async with stage(size) as scene:
            header = scene.view.query_one(Header)
            assert header.status is not None
            header.status.note = "1 of 3 replicas did not answer"
            assert header.render().plain.splitlines()[0].endswith(words)


async def test_a_click_on_a_namespace_or_a_crumb_goes_there() -> None:
    async with stage((120, 40)) as scene:
        await scene.pilot.click(Header, offset=(25, 1))
        await scene.settle()
        assert scene.view.scope.namespace == "emojivoto"
        await scene.command("po")
        await scene.pilot.click("Foot", offset=(3, 0))
        await scene.settle()
        assert scene.showing == "overview"
