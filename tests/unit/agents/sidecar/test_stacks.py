"""The stacks: every stage that is written is used, and the order holds what its reasons say."""

from pathlib import Path

from agents.sidecar import stages
from agents.sidecar.stacks import inbound_stack, outbound_stack
from tests.support.playbook import make_runtime

INBOUND = [type(stage).__name__ for stage in inbound_stack(make_runtime()).stages]
OUTBOUND = [type(stage).__name__ for stage in outbound_stack(make_runtime()).stages]


def test_every_stage_is_in_a_stack() -> None:
    files = {path.stem.replace("_", "") for path in Path(stages.__file__).parent.glob("[a-z]*.py")}
    assert files == {name.lower() for name in INBOUND + OUTBOUND}


def test_an_exchange_is_counted_and_has_its_class_before_anybody_shows_it() -> None:
    for stack in (INBOUND, OUTBOUND):
        assert stack.index("Measure") < stack.index("Tap")


def test_an_endpoint_is_taken_after_the_route_is_known_and_before_the_tap_looks() -> None:
    assert OUTBOUND.index("Route") < OUTBOUND.index("Balance") < OUTBOUND.index("Tap")
    assert "Balance" not in INBOUND


def test_a_refusal_at_a_limit_is_counted_under_its_route_and_takes_no_place() -> None:
    for stack in (INBOUND, OUTBOUND):
        assert stack.index("Route") < stack.index("Limit")
    assert OUTBOUND.index("Limit") < OUTBOUND.index("Balance")


def test_the_shut_stack_differs_in_the_limit_alone() -> None:
    shut = inbound_stack(make_runtime()).shut
    assert [type(stage).__name__ for stage in shut.stages] == ["Full" if name == "Limit" else name for name in INBOUND]
