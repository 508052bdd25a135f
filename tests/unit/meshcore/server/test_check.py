"""Each check finds its fault, names the culprits, and says what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from meshcore.server.check import Facts, Span, check
from meshcore.wire.control_pb2 import CHECK_ERROR, CHECK_SUCCESS, CHECK_WARNING, CheckItem
from meshcore.wire.discovery_pb2 import FAILING, RUNNING, InstanceStatus, Phase, Pod, ProxyStatus
from meshcore.wire.version import VERSION

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
DAY = timedelta(days=1)
LONG = Span(NOW - DAY, NOW + 3650 * DAY)
SHORT = Span(NOW - DAY, NOW + 59 * DAY)
OVER = Span(NOW - 2 * DAY, NOW - DAY)
AHEAD = Span(NOW + DAY, NOW + 3650 * DAY)


def pod(
    name: str = "web-0",
    *,
    uplink: bool = True,
    version: str = VERSION,
    phase: Phase.ValueType = RUNNING,
    message: str = "",
    time_ms: int = NOW_MS - 900,
    since_ms: int = NOW_MS - 60_000,
    not_after_ms: int = NOW_MS + 1,
    dropped: int = 0,
    meshed: bool = True,
) -> Pod:
    return Pod(
        status=InstanceStatus(namespace="shop", name="web", pod=name, phase=phase, message=message),
        meshed=meshed,
        uplink=uplink,
        uplink_since_ms=since_ms,
        proxy_version=version,
        proxy=ProxyStatus(time_ms=time_ms, cert_not_after_ms=not_after_ms, tap_dropped=dropped),
    )


GOOD = Facts(
    now=NOW,
    anchors=[LONG],
    issuer=LONG,
    serving=LONG,
    authority_problem="",
    pods=[pod(), pod("db-0", meshed=False, uplink=False, version="")],
    policy_file="mesh.yaml",
    policy_problem="",
)


def faults(facts: Facts) -> list[CheckItem]:
    items = [item for category in check(facts).categories for item in category.checks]
    for item in items:
        assert (item.result == CHECK_SUCCESS) == (not item.error) == (not item.hint)
    return [item for item in items if item.error]


def test_nothing_is_wrong() -> None:
    assert faults(GOOD) == faults(replace(GOOD, cluster=True)) == []
    assert [category.name for category in check(GOOD).categories] == [
        "meshtui-identity",
        "meshtui-discovery",
        "meshtui-policy",
        "meshtui-stats",
        "meshtui-tap",
    ]


@pytest.mark.parametrize(
    ("change", "error", "result"),
    [
        ({"anchors": [LONG, OVER]}, "1 of 2 are not valid", CHECK_ERROR),
        ({"anchors": [AHEAD]}, "1 of 1 are not valid", CHECK_ERROR),
        ({"anchors": [SHORT]}, "the last one ends on 2027-01-21", CHECK_WARNING),
        ({"issuer": OVER}, "it is valid from", CHECK_ERROR),
        ({"authority_problem": "the key does not fit"}, "the key does not fit", CHECK_ERROR),
        ({"serving": OVER}, "it ended at", CHECK_ERROR),
        ({"pods": [pod(not_after_ms=NOW_MS - 1)]}, "expired: shop/web-0", CHECK_ERROR),
        ({"pods": [pod(time_ms=NOW_MS + 3000)]}, "ahead of it", CHECK_ERROR),
        ({"pods": [pod(uplink=False)]}, "no uplink from shop/web-0", CHECK_ERROR),
        ({"pods": [pod(version="0.0.1")]}, "shop/web-0 (0.0.1)", CHECK_WARNING),
        ({"pods": [pod(phase=FAILING, message="exit status 3")]}, "shop/web-0 (exit status 3)", CHECK_ERROR),
        ({"policy_problem": "mesh.yaml:3: no"}, "mesh.yaml:3: no", CHECK_ERROR),
        ({"pods": [pod(time_ms=NOW_MS - 6000)]}, "nothing for 5 s from shop/web-0", CHECK_ERROR),
        (
            {"cluster": True, "silent": "1 of 3 replicas did not answer"},
            "1 of 3 replicas did not answer",
            CHECK_WARNING,
        ),
        ({"pods": [pod(dropped=7)]}, "dropped by shop/web-0 (7)", CHECK_WARNING),
        ({"pods": [pod(f"web-{n}", uplink=False) for n in range(8)]}, "and 3 more", CHECK_ERROR),
    ],
)
def test_a_fault_is_found_once_and_explained(change: dict[str, object], error: str, result: int) -> None:
    (fault,) = faults(replace(GOOD, **change))  # type: ignore[arg-type]
    assert error in fault.error
    assert fault.result == result
    assert fault.hint


def test_a_sidecar_that_has_just_come_need_not_have_reported() -> None:
    assert faults(replace(GOOD, pods=[pod(time_ms=0, since_ms=NOW_MS - 1000)])) == []


def test_without_a_policy_file_there_is_nothing_to_find() -> None:
    assert faults(replace(GOOD, policy_file="")) == []
