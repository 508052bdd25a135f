"""What the webhook answers that `meshtui inject` does not: what this very cluster can do."""

import base64
import json
from typing import Any

import pytest

from meshcore.inject import names
from meshcore.inject.settings import Addresses, Images, Settings
from meshcore.services.injector.review import Verdict, review

SETTINGS = Settings(
    images=Images(agents="agents:1", controller="c:1"), addresses=Addresses(identity="i:8080", control="c:8086")
)
WISH = {names.INJECT: "enabled", names.APP_PRE_STOP: "3s"}
POD: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}


def reviewed(*, sleeps: bool) -> Verdict:
    request = {"uid": "1", "namespace": "shop", "kind": {"kind": "Pod"}, "object": POD}
    return review(request, WISH, SETTINGS, "anchors", sleeps=sleeps)


@pytest.mark.parametrize("sleeps", [True, False])
def test_a_preStop_that_this_kubernetes_does_not_know_is_left_out(sleeps: bool) -> None:
    verdict = reviewed(sleeps=sleeps)
    assert not verdict.reason
    patch = json.loads(base64.b64decode(verdict.response()["response"]["patch"]))
    assert any(one["path"] == "/spec/containers" for one in patch) is sleeps


def test_a_workload_whose_name_is_no_label_goes_on_without() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "my.db", "uid": "1", "controller": True}
    pod = {**POD, "metadata": {"name": "my.db-0", "ownerReferences": [owner]}}
    request = {"uid": "1", "namespace": "shop", "kind": {"kind": "Pod"}, "object": pod}
    verdict = review(request, WISH, SETTINGS, "anchors", sleeps=True)
    assert (verdict.event, verdict.loud, verdict.patch) == ("InjectionSkipped", True, [])
    assert "'my.db' is no DNS label" in verdict.reason
    (warning,) = verdict.response()["response"]["warnings"]
    assert "a name without dots" in warning
