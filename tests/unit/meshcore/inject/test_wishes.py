"""A pod's annotations come before its namespace's, and those before the settings."""

import pytest

from meshcore.inject import names
from meshcore.inject.settings import Addresses, Images, Settings
from meshcore.inject.wishes import WishError, wishes

SETTINGS = Settings(
    images=Images(agents="agents:1", controller="c:1"), addresses=Addresses(identity="i:8080", control="c:8086")
)


def test_without_annotations_the_settings_hold() -> None:
    found = wishes(SETTINGS, {}, {})
    assert (found.image, found.pull_policy, found.proxy) == ("agents:1", "IfNotPresent", SETTINGS.proxy)


def test_the_nearest_annotation_wins() -> None:
    namespace = {names.LOG_LEVEL: "info", names.CPU_REQUEST: "50m", names.PROXY_IMAGE: "theirs:1"}
    found = wishes(SETTINGS, {names.LOG_LEVEL: "debug", names.NATIVE_SIDECAR: "disabled"}, namespace)
    assert (found.proxy.log_level, found.proxy.cpu_request, found.image) == ("debug", "50m", "theirs:1")
    assert not found.proxy.native_sidecar


def test_other_annotations_are_other_peoples() -> None:
    assert wishes(SETTINGS, {"example.com/proxy-image": "x", names.INJECT: "enabled"}, {}).image == "agents:1"


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (names.LOG_LEVEL, "loud"),
        (names.OPAQUE_PORTS, "x"),
        (names.SKIP_NETWORKS, "10.0.0.1/8"),
        (names.CPU_LIMIT, "much"),
        (names.NATIVE_SIDECAR, "yes"),
        (names.PULL_POLICY, "Sometimes"),
        (names.PROXY_IMAGE, "a b"),
        (names.DRAIN, "0s"),
        (names.APP_PRE_STOP, "500ms"),
        (names.WORKERS, "0"),
        (names.WORKERS, "many"),
    ],
)
def test_an_annotation_that_cannot_be_followed_is_named(annotation: str, value: str) -> None:
    with pytest.raises(WishError, match=annotation):
        wishes(SETTINGS, {annotation: value}, {})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({names.MEMORY_LIMIT: "16Mi"}, "16Mi is less than the request, 48Mi"),
        ({names.CPU_LIMIT: "10m"}, "10m is less than the request, 20m"),
        ({names.CPU_REQUEST: "2", names.CPU_LIMIT: "1500m"}, "1500m is less than the request, 2"),
        ({names.MEMORY_REQUEST: "1Gi"}, "256Mi is less than the request, 1Gi"),
    ],
)
def test_a_limit_below_the_request_is_told_as_the_api_server_would_refuse_the_pod(
    given: dict[str, str], told: str
) -> None:
    with pytest.raises(WishError, match=told):
        wishes(SETTINGS, given, {})


def test_a_limit_as_high_as_the_request_is_no_fault() -> None:
    assert wishes(SETTINGS, {names.CPU_REQUEST: "0.1", names.CPU_LIMIT: "100m"}, {}).proxy.cpu_limit == "100m"
