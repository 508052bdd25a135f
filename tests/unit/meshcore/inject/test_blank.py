"""Parts with nothing in them: noted as a sidecar comes, and as they were once it is gone."""

import copy
from typing import Any

import pytest

from meshcore.inject import names
from meshcore.inject.blank import noted
from meshcore.inject.patch import annotate, uninject
from tests.unit.meshcore.inject.test_patch import injected

BARE: dict[str, Any] = {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}
EMPTY: dict[str, Any] = {
    "metadata": {"labels": {}, "annotations": {}},
    "spec": {
        "initContainers": [],
        "containers": [{"name": "a", "image": "a:1", "lifecycle": {}}],
        "volumes": [],
    },
}
NULL: dict[str, Any] = {
    "metadata": {"labels": None, "annotations": None},
    "spec": {"initContainers": None, "containers": [{"name": "a", "lifecycle": None}], "volumes": None},
}
PODS = [BARE, {"metadata": {}, **BARE}, {"metadata": None, **BARE}, EMPTY, NULL]


@pytest.mark.parametrize("pod", PODS)
@pytest.mark.parametrize("wish", [{}, {names.NATIVE_SIDECAR: "disabled"}, {names.APP_PRE_STOP: "5s"}])
def test_what_had_nothing_in_it_is_as_it_was(pod: dict[str, Any], wish: dict[str, str]) -> None:
    made = injected(pod, **wish)
    assert made != pod
    assert uninject(made)
    assert made == pod


@pytest.mark.parametrize("pod", PODS)
def test_so_it_is_where_a_pod_only_asked_for_a_sidecar(pod: dict[str, Any]) -> None:
    asked = copy.deepcopy(pod)
    annotate(asked)
    made = injected(asked)
    assert uninject(made)
    assert uninject(asked)
    assert made == asked == pod


def test_a_pod_that_has_no_sidecar_keeps_them() -> None:
    made = copy.deepcopy(EMPTY)
    assert not uninject(made)
    assert made == EMPTY


def test_a_pod_without_such_parts_carries_no_note() -> None:
    assert names.BLANK not in injected(BARE)["metadata"]["annotations"]


def test_a_note_that_somebody_wrote_names_nothing_else() -> None:
    pod = injected(BARE)
    pod["metadata"]["annotations"][names.BLANK] = "hostNetwork,,=null,\x00,labels"
    assert noted(pod) == {"hostNetwork", "=null", "\x00", "labels"}
    assert uninject(pod)
    assert pod == {"metadata": {"labels": {}}, **BARE}


def test_a_pod_that_wants_none_goes_on_saying_so() -> None:
    pod = {"metadata": {"annotations": {names.INJECT: names.DISABLED}}, **copy.deepcopy(BARE)}
    assert not uninject(pod)
    assert pod["metadata"]["annotations"] == {names.INJECT: names.DISABLED}
