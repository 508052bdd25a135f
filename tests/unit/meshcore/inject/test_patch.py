"""What an injected pod looks like, that the patch says the same, and that nothing is left of it afterwards."""

import copy
import json
from typing import Any

import pytest

from agents.runtime import config as sidecar_config
from meshcore.inject import names
from meshcore.inject.decide import decide
from meshcore.inject.patch import inject, operations, uninject
from meshcore.inject.settings import Addresses, Images, Settings
from meshcore.inject.sidecar import Workload
from meshcore.inject.wishes import wishes

SETTINGS = Settings(
    images=Images(agents="agents:1", controller="c:1"),
    addresses=Addresses(identity="meshtui-identity.meshtui.svc:8080", control="meshtui-control.meshtui.svc:8086"),
)
ANCHORS = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
WEB = Workload("deployment", "web")
POD: dict[str, Any] = {
    "metadata": {"annotations": {names.INJECT: "enabled"}, "labels": {"app": "web"}},
    "spec": {
        "initContainers": [{"name": "migrate", "image": "m"}],
        "containers": [
            {
                "name": "web",
                "image": "w",
                "ports": [
                    {"name": "http", "containerPort": 8080},
                    {"name": "grpc-api", "containerPort": 9000},
                    {"containerPort": 5432},
                    {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                ],
            }
        ],
        "volumes": [{"name": "data", "emptyDir": {}}],
    },
}


def injected(pod: dict[str, Any] = POD, **annotations: str) -> dict[str, Any]:
    made = copy.deepcopy(pod)
    inject(made, SETTINGS, wishes(SETTINGS, annotations, {}), ANCHORS, WEB, "test")
    return made


def test_the_sidecar_starts_before_every_other_container() -> None:
    spec = injected()["spec"]
    redirect, proxy, migrate = spec["initContainers"]
    assert (redirect["name"], proxy["name"], migrate["name"]) == (names.REDIRECT, names.PROXY, "migrate")
    assert proxy["restartPolicy"] == "Always"
    assert "restartPolicy" not in redirect
    assert [one["name"] for one in spec["containers"]] == ["web"]


def test_without_native_sidecars_it_is_the_first_container() -> None:
    spec = injected(POD, **{names.NATIVE_SIDECAR: "disabled"})["spec"]
    assert [one["name"] for one in spec["initContainers"]] == [names.REDIRECT, "migrate"]
    assert [one["name"] for one in spec["containers"]] == [names.PROXY, "web"]


def test_the_redirect_has_two_capabilities_and_the_sidecar_none() -> None:
    redirect, proxy, _ = injected()["spec"]["initContainers"]
    assert redirect["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]}
    assert proxy["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert proxy["securityContext"]["runAsNonRoot"]
    assert all(one["securityContext"]["readOnlyRootFilesystem"] for one in (redirect, proxy))


def test_what_a_pod_has_as_a_whole_is_shared_by_its_sidecar() -> None:
    """The API server refuses a pod whose containers ask for more than it has itself."""
    whole = {"requests": {"memory": "32Mi"}, "limits": {"memory": "40Mi"}}
    redirect, proxy, _ = injected({**POD, "spec": {**POD["spec"], "resources": whole}})["spec"]["initContainers"]
    assert redirect["resources"] == proxy["resources"] == {"requests": {"cpu": "20m"}}


def test_what_a_pod_wishes_for_its_sidecar_holds_for_the_redirect() -> None:
    """A quota on limits, or a least amount for containers, is asked of each container."""
    redirect, proxy, _ = injected(POD, **{names.CPU_LIMIT: "500m", names.MEMORY_REQUEST: "100Mi"})["spec"][
        "initContainers"
    ]
    assert redirect["resources"] == proxy["resources"]
    assert proxy["resources"]["limits"]["cpu"] == "500m"


def test_the_token_is_for_our_audience_only() -> None:
    (volume,) = (one for one in injected()["spec"]["volumes"] if one["name"] == names.TOKEN_VOLUME)
    (source,) = volume["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == names.AUDIENCE


def test_the_sidecar_reads_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = injected(POD, **{names.SKIP_INBOUND: "9100"})["spec"]["initContainers"][1]
    (document,) = (one["value"] for one in proxy["env"] if one["name"] == "MESHTUI_CONFIG")
    filled = {
        "POD_NAME": "web-1",
        "POD_NAMESPACE": "shop",
        "POD_SERVICE_ACCOUNT": "default",
        "POD_IPS": "10.0.0.7,fd00::7",
    }
    for name, value in filled.items():  # as the kubelet does
        assert name in {one["name"] for one in proxy["env"]}
        document = document.replace(f"$({name})", value)
    assert "$(" not in document
    monkeypatch.setenv("MESHTUI_CONFIG", document)
    config = sidecar_config.load("env:MESHTUI_CONFIG")
    assert config.identity == "spiffe://cluster.local/ns/shop/sa/default"
    assert (config.kind, config.name, config.pod) == ("deployment", "web", "web-1")
    assert [(port.name, port.port, port.opaque, port.protocol) for port in config.inbound] == [
        ("http", 8080, False, ""),
        ("grpc-api", 9000, False, "grpc"),
        ("5432", 5432, True, ""),
    ]
    assert config.transparent is not None
    assert config.transparent.addresses == ("10.0.0.7", "fd00::7")
    assert config.transparent.skip_inbound == "9100"
    assert config.anchors_pem == ANCHORS
    volume = next(
        one["name"] for one in proxy["volumeMounts"] if config.anchors_file.startswith(one["mountPath"] + "/")
    )
    assert {"name": volume, "emptyDir": {"sizeLimit": "1Mi"}} in injected()["spec"]["volumes"]


def test_the_patch_leads_to_the_same_pod() -> None:
    after = injected()
    patched = copy.deepcopy(POD)
    for operation in operations(POD, after):
        assert operation["op"] == "add"
        parts = operation["path"].split("/")[1:]
        place = patched
        for part in parts[:-1]:
            place = place[part]
        place[parts[-1]] = operation["value"]
    assert patched == after
    json.dumps(list(operations(POD, after)))


def test_a_bare_pod_gets_whole_parts() -> None:
    bare: dict[str, Any] = {"spec": {"containers": [{"name": "a", "image": "a"}]}}
    paths = [one["path"] for one in operations(bare, injected(bare))]
    assert paths == ["/metadata", "/spec/initContainers", "/spec/volumes"]


def test_applications_go_on_where_that_is_wished_for() -> None:
    made = injected(POD, **{names.APP_PRE_STOP: "3s", names.WORKERS: "2"})
    (web,) = made["spec"]["containers"]
    assert web["lifecycle"] == {"preStop": {"sleep": {"seconds": 3}}}
    assert "lifecycle" not in made["spec"]["initContainers"][1]  # the kubelet ends it last
    document = json.loads(made["spec"]["initContainers"][1]["env"][-1]["value"])
    assert (document["leave_s"], document["drain_s"], document["workers"]) == (0.2, 24.0, 2)
    assert uninject(made)
    assert made["spec"] == POD["spec"]
    assert "annotations" not in made["metadata"]


def test_a_pod_with_a_sidecar_gets_no_second_one() -> None:
    assert "already" in decide(injected(), {}).reason


def test_taking_it_out_leaves_the_pod_as_it_was() -> None:
    made = injected()
    assert uninject(made)
    before = copy.deepcopy(POD)
    del before["metadata"]["annotations"]  # the wish for a sidecar goes, too
    assert made == before
    assert not uninject(made)


def test_everything_carries_the_workloads_name() -> None:
    made = injected()
    assert made["metadata"]["labels"] == {
        "app": "web",
        names.MESHED: "true",
        names.WORKLOAD_KIND: "deployment",
        names.WORKLOAD_NAME: "web",
    }
    assert len(made["metadata"]["annotations"][names.TRUST_ROOT]) == 64
