"""How a pod's grace period is divided, and what its applications are given for it."""

from typing import Any

import pytest

from meshcore.inject.ending import ending, pause, resume
from meshcore.inject.settings import Proxy

OWN = {"preStop": {"exec": {"command": ["drain"]}}}


@pytest.mark.parametrize(
    ("grace", "pre_stop", "native", "expected"),
    [
        (None, "", True, (0, 0.2, 27.0)),  # the drain of 30 s would be cut short: the kubelet ends what is left
        (60, "", True, (0, 0.2, 30.0)),
        (30, "5s", True, (5, 0.2, 22.0)),
        (4, "5s", True, (2, 0.2, 0.0)),  # the application is left half of the time
        (0, "5s", True, (0, 0.2, 0.0)),
        (30, "0s", True, (0, 0.2, 27.0)),
        (30, "", False, (0, 5.0, 22.0)),  # the application is told at the same time, and still speaks
        (30, "5s", False, (5, 10.0, 17.0)),
        (4, "", False, (0, 1.0, 0.0)),
    ],
)
def test_the_grace_period_is_divided(
    grace: int | None, pre_stop: str, native: bool, expected: tuple[int, float, float]
) -> None:
    spec = {} if grace is None else {"terminationGracePeriodSeconds": grace}
    assert ending(spec, Proxy(app_pre_stop=pre_stop, native_sidecar=native)) == expected


def test_applications_that_arrange_their_end_are_left_alone() -> None:
    spec: dict[str, Any] = {
        "containers": [
            {"name": "web"},
            {"name": "own", "lifecycle": OWN},
            {"name": "hook", "lifecycle": {"postStart": {"exec": {"command": ["warm"]}}}},
        ]
    }
    assert pause(spec, 5) == ["web", "hook"]
    sleep = {"sleep": {"seconds": 5}}
    assert [one["lifecycle"]["preStop"] for one in spec["containers"]] == [sleep, OWN["preStop"], sleep]
    resume(spec, ["web", "hook"])
    assert [one.get("lifecycle") for one in spec["containers"]] == [
        None,
        OWN,
        {"postStart": {"exec": {"command": ["warm"]}}},
    ]


def test_without_a_wish_nothing_is_added() -> None:
    spec: dict[str, Any] = {"containers": [{"name": "web"}]}
    assert pause(spec, 0) == []
    assert spec == {"containers": [{"name": "web"}]}
