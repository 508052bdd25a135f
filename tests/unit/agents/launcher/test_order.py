from pathlib import Path

from agents.launcher.order import upstreams
from agents.launcher.plan import Instance, Outbound
from agents.launcher.ports import Listening
from meshcore.wire.ids import Target


def calling(name: str, *others: str) -> Instance:
    return Instance(
        namespace="shop",
        kind="deployment",
        name=name,
        pod=f"{name}-0",
        service_account=name,
        command=(),
        directory=Path("/"),
        environment={},
        outbound=tuple(Outbound(other, Target(other, "shop", ""), Listening(1, 1)) for other in others),
    )


def waits(*instances: Instance) -> dict[str, set[str]]:
    return {name: {up for _, up in ups} for (_, name), ups in upstreams(instances).items()}


def test_callers_wait_for_the_called() -> None:
    found = waits(calling("bot", "web"), calling("web", "emoji", "voting"), calling("emoji"), calling("voting"))
    assert found == {"bot": {"web"}, "web": {"emoji", "voting"}, "emoji": set(), "voting": set()}


def test_nobody_waits_in_a_circle() -> None:
    found = waits(calling("a", "b"), calling("b", "c"), calling("c", "a", "d"), calling("d"), calling("e", "e", "a"))
    assert found == {"a": set(), "b": set(), "c": {"d"}, "d": set(), "e": {"a"}}


def test_who_is_elsewhere_is_not_waited_for() -> None:
    assert waits(calling("late", "web")) == {"late": set()}
