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
