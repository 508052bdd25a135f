"""The truth table: who gets a sidecar, and what is said of those who do not."""

from typing import Any

import pytest

from meshcore.inject.decide import decide, udp_ports, wants
from meshcore.inject.names import COMPONENT, ENFORCE, INJECT


def pod(inject: str | None = None, **spec: Any) -> dict[str, Any]:
    annotations = {INJECT: inject} if inject is not None else {}
    return {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "app", "image": "app"}], **spec}}


@pytest.mark.parametrize(
    ("own", "namespace", "inject"),
    [
        (None, None, False),
        (None, "disabled", False),
        (None, "enabled", True),
        ("enabled", None, True),
        ("enabled", "disabled", True),
        ("enabled", "enabled", True),
        ("disabled", None, False),
        ("disabled", "disabled", False),
        ("disabled", "enabled", False),
    ],
)
def test_the_pod_decides_and_else_its_namespace(own: str | None, namespace: str | None, inject: bool) -> None:
    annotations = {INJECT: namespace} if namespace else {}
    assert decide(pod(own), annotations).inject is inject


@pytest.mark.parametrize(
    ("level", "inject"), [(None, True), ("privileged", True), ("baseline", False), ("restricted", False)]
)
def test_a_namespace_that_would_refuse_the_redirect_keeps_its_pods(level: str | None, inject: bool) -> None:
    """The API server refuses the whole pod, long after it asked us."""
    labels = {ENFORCE: level} if level else {}
    space = wants({"metadata": {"annotations": {INJECT: "enabled", "else": "x"}, "labels": {**labels, "else": "x"}}})
    assert space == {INJECT: "enabled", **labels}
    decision = decide(pod(), space)
    assert (decision.inject, decision.loud) == (inject, not inject)
    assert inject or f"label the namespace {ENFORCE}=privileged" in decision.reason
    assert decide(pod("disabled"), space).loud is False


@pytest.mark.parametrize(("own", "namespace", "level"), [("yes", None, "pod"), (None, "Enabled", "namespace")])
def test_any_other_value_is_no_yes(own: str | None, namespace: str | None, level: str) -> None:
    decision = decide(pod(own), {INJECT: namespace} if namespace else {})
    assert not decision.inject
    assert decision.loud
    assert f"at {level} level" in decision.reason


@pytest.mark.parametrize(
    ("spec", "reason", "loud"),
    [
        ({"hostNetwork": True}, "hostNetwork", True),
        ({"initContainers": [{"name": "meshtui-proxy", "image": "x"}]}, "has a sidecar already", False),
        ({"containers": [{"name": "meshtui-proxy", "image": "x"}]}, "has a sidecar already", False),
        ({"containers": [{"name": "linkerd-proxy", "image": "x"}]}, "another mesh's", True),
        ({"containers": [{"name": "p", "image": "cr.l5d.io/linkerd/proxy:edge"}]}, "another mesh's", True),
        ({"initContainers": [{"name": "istio-init", "image": "x"}]}, "another mesh's", True),
        ({"containers": [{"name": "p", "image": "docker.io/istio/proxyv2:1.2"}]}, "another mesh's", True),
        ({"volumes": [{"name": "meshtui-run"}]}, "its volume meshtui-run has the name", True),
        ({"securityContext": {"runAsUser": 2102}}, "container app runs as user 2102", True),
        ({"initContainers": [{"name": "i", "securityContext": {"runAsUser": 2102}}]}, "container i runs as", True),
        ({"containers": [{"name": "p", "ports": [{"containerPort": 4191}]}]}, "container p listens at 4191", True),
    ],
)
def test_what_cannot_have_a_sidecar(spec: dict[str, Any], reason: str, loud: bool) -> None:
    decision = decide(pod("enabled", **spec), {})
    assert reason in decision.reason
    assert decision.loud is loud


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [({"kubernetes.io/config.mirror": "x"}, "static pod"), ({"big": "é" * 130_000}, "no room for ours")],
)
def test_what_is_annotated_so_that_none_can_be_added(annotations: dict[str, str], reason: str) -> None:
    made = pod("enabled")
    made["metadata"]["annotations"] |= annotations
    decision = decide(made, {})
    assert reason in decision.reason
    assert decision.loud


def test_what_is_only_near_to_ours_gets_one() -> None:
    spec = {
        "securityContext": {"runAsUser": 2102},
        "containers": [
            {"name": "a", "securityContext": {"runAsUser": 0}, "ports": [{"containerPort": 4191, "protocol": "UDP"}]}
        ],
        "volumes": [{"name": "meshtui-runs"}],
    }
    assert decide(pod("enabled", **spec), {}).inject


def test_an_application_called_proxy_is_nobody_elses_mesh() -> None:
    assert decide(pod("enabled", containers=[{"name": "p", "image": "shop/proxy:1"}]), {}).inject


def test_the_control_plane_is_left_alone() -> None:
    own = pod("enabled")
    own["metadata"]["labels"] = {COMPONENT: "controller"}
    assert "control plane" in decide(own, {}).reason


def test_empty_parts_are_no_error() -> None:
    assert decide({"metadata": None, "spec": None}, {INJECT: "enabled"}).inject


def test_udp_ports_are_named() -> None:
    ports = [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80}]
    assert udp_ports({"containers": [{"ports": ports}, {}]}) == [53]


@pytest.mark.parametrize("spec", [{"os": {"name": "windows"}}, {"nodeSelector": {"kubernetes.io/os": "windows"}}])
def test_a_pod_of_windows_is_let_through_as_it_came(spec: dict[str, Any]) -> None:
    """With users and capabilities in it the API server would refuse it."""
    decision = decide(pod("enabled", **spec), {})
    assert "Windows" in decision.reason
    assert decision.loud
