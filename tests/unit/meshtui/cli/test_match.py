"""Flags of tap and top become one match; a bad value names its flag."""

import pytest

from meshcore.wire.common_pb2 import Class, Direction
from meshcore.wire.tap_pb2 import TapMatch
from meshtui.cli.fault import Fault
from meshtui.cli.match import build

NONE = {
    "methods": [],
    "path": "",
    "authority": "",
    "statuses": [],
    "classification": "",
    "direction": "",
    "min_latency": "",
    "route": "",
    "header": "",
}


def test_no_flag_matches_everything() -> None:
    assert build(**NONE) == TapMatch()


def test_flags_become_fields() -> None:
    match = build(**{**NONE, "methods": ["get"], "statuses": ["500", "4xx", "200-204"], "classification": "failure"})
    assert list(match.methods) == ["GET"]
    assert [(each.min, each.max) for each in match.statuses] == [(500, 500), (400, 499), (200, 204)]
    assert match.classification == Class.FAILURE
    match = build(**{**NONE, "direction": "inbound", "min_latency": "50ms", "header": "X-User=ann"})
    assert match.direction == Direction.INBOUND
    assert match.min_latency_ms == 50
    assert (match.header.name, match.header.value) == ("x-user", b"ann")


@pytest.mark.parametrize(
    ("flag", "value", "complaint"),
    [
        ("statuses", ["5"], "--status '5' is no status; write 500, 5xx or 400-499"),
        ("classification", "fail", "unknown value of --class 'fail'; did you mean failure?"),
        ("direction", "in", "unknown value of --direction 'in'; there is inbound, outbound"),
    ],
)
def test_a_bad_value_names_its_flag(flag: str, value: object, complaint: str) -> None:
    with pytest.raises(Fault) as caught:
        build(**{**NONE, flag: value})
    assert str(caught.value) == complaint
