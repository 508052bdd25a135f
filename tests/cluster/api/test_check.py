"""`meshtui check` of a cluster: before an install, of a mesh that is well, as a user of one namespace, of broken ones.

Each broken installation is a real one with one thing taken away or spoilt, and put back afterwards.
"""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiException

from meshcore.inject import names
from meshcore.inject.settings import write
from meshcore.kube.session import open_cluster
from meshcore.pki.authority import create_anchor, create_issuer, key_pem, pem, utc
from meshcore.wire.control_pb2 import CHECK_ERROR, CheckItem
from meshcore.wire.version import PROTOCOL, VERSION
from meshtui.sources.checks.gather import gather
from meshtui.sources.checks.rooms import PROXY, categories
from tests.cluster.api.test_mesh import deployment, meshed, pods_of
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import BASE, NAMESPACE, OBSERVE, Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.people import meshtui
from tests.cluster.support.sidecar import workload
from tests.cluster.support.wait import until

ACCOUNT = "meshtui-controller"
UPGRADE = "meshtui upgrade"


@dataclass
class Found:
    """What a run of `meshtui check -o json` said."""

    status: int
    said: dict[str, Any]

    def category(self, name: str) -> list[dict[str, str]]:
        return next((each["checks"] for each in self.said["categories"] if each["categoryName"] == name), [])

    def wrong(self) -> list[tuple[str, dict[str, str]]]:
        return [
            (each["categoryName"], item)
            for each in self.said["categories"]
            for item in each["checks"]
            if item["result"] == "error"
        ]


def check(kubeconfig: Path, *words: str) -> Found:
    wait = () if "--wait" in words else ("--wait", "0")
    done = meshtui("check", "--kubeconfig", str(kubeconfig), "-o", "json", *wait, *words, kubeconfig=kubeconfig)
    assert done.stdout, done.stderr
    return Found(done.returncode, json.loads(done.stdout))


@pytest.fixture(scope="module")
def mesh(cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with kept_if_failed(request.session, tmp_path_factory.mktemp("mesh")) as folder, running(cluster, folder) as found:
        for each in yaml.safe_load_all((BASE / "controller.yaml").read_text()):
            if each["metadata"]["name"] != "meshtui-observe":
                cluster.apply(each, namespace=NAMESPACE)
        ready(cluster)
        yield found
        cluster.kubectl("delete", "deploy", ACCOUNT, "-n", NAMESPACE, "--timeout=60s")


def ready(cluster: Cluster) -> None:
    """Say of the pods that stand for the control plane's process what a kubelet would."""

    def said() -> bool:
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{ACCOUNT}"
        status = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
        for pod in cluster.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]:
            try:
                cluster.core.patch_namespaced_pod_status(pod["metadata"]["name"], NAMESPACE, {"status": status})
            except ApiException as error:
                assert error.status == 404, error  # it is being replaced
        found = cluster.get(path)
        return bool(found["status"].get("readyReplicas", 0) == found["spec"]["replicas"])

    until(said, 120, "the Deployment of the control plane", every=0.5)


def test_before_an_install_an_administrator_may_all_and_a_stranger_little(cluster: Cluster) -> None:
    found = check(cluster.plane.admin, "--pre", "--mesh-namespace", "mesh-new")
    assert found.wrong() == []
    assert found.status == 0
    made = [item["description"] for item in found.category("pre-kubernetes-setup")]
    assert "can create MutatingWebhookConfigurations" in made
    assert "the clocks here and there agree" in made

    stranger = check(cluster.user("stranger"), "--pre", "--mesh-namespace", "mesh-new")
    assert stranger.status == 1
    errors = {item["description"]: item for _, item in stranger.wrong()}
    assert "create clusterroles.rbac.authorization.k8s.io" in errors["can create ClusterRoles"]["error"]
    assert "cluster-admin" in errors["can create ClusterRoles"]["hint"]
    assert "one may only give what one has" in errors["can give the control plane its rights"]["error"]
    hidden = [item for item in stranger.category("pre-kubernetes-setup") if item["result"] == "warning"]
    assert any(item["error"].startswith("not seen: needs get configmaps") for item in hidden)


def test_a_mesh_that_is_well(cluster: Cluster, mesh: Mesh) -> None:
    until(lambda: check(cluster.plane.admin).wrong() == [], 40, "a mesh that is well", every=1)
    found = check(cluster.plane.admin)
    assert (found.status, found.said["success"]) == (0, True)
    assert [each["categoryName"] for each in found.said["categories"]][:8] == [
        "kubernetes-api", "kubernetes-version", "meshtui-config", "meshtui-existence", "meshtui-identity",
        "meshtui-webhooks", "meshtui-apiservice", "meshtui-control-plane",
    ]  # fmt: skip
    table = meshtui("check", "--wait", "0", "-o", "short", kubeconfig=cluster.plane.admin)
    assert table.returncode == 0, table.stdout + table.stderr
    assert "Status check results are √" in table.stdout


def test_an_installed_mesh_is_in_the_way_of_another(cluster: Cluster, mesh: Mesh) -> None:
    ((category, item),) = check(cluster.plane.admin, "--pre").wrong()
    assert category == "pre-kubernetes-setup"
    assert "holds its trust anchor" in item["error"]


def test_a_user_of_one_namespace_is_told_what_they_cannot_see(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    ann = cluster.user("ann", namespace=namespace)
    for role in ("meshtui-view", "view"):
        cluster.bind(role, "user:ann", namespace)
    found = check(ann, "--proxy", "-n", namespace)
    assert (found.status, found.wrong()) == (0, [])
    hidden = [item for item in found.category("meshtui-identity") if item["result"] == "warning"]
    assert any(f"not seen: needs get secrets {names.ISSUER_SECRET} in {NAMESPACE}" == item["error"] for item in hidden)
    assert all("administrator" in item["hint"] for item in hidden)
    (pods,) = found.category("meshtui-data-plane")
    assert (pods["result"], pods["error"]) == ("warning", "none has")
    assert f"kubectl annotate namespace {namespace}" in pods["hint"]


def kubelet(cluster: Cluster, namespace: str) -> None:
    """Say of all pods of a namespace that they run and are ready."""
    status = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
    for each in cluster.get(f"/api/v1/namespaces/{namespace}/pods")["items"]:
        cluster.core.patch_namespaced_pod_status(each["metadata"]["name"], namespace, {"status": status})


def test_what_is_wrong_with_sidecars_is_told_of_each(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    wanted = ("well", "newer", "foreign", "silent")
    meshed(cluster, namespace)
    cluster.apply(*(deployment(name) for name in wanted), namespace=namespace)
    pods = {
        each["metadata"]["labels"][names.WORKLOAD_NAME]: each["metadata"]["name"]
        for each in pods_of(cluster, namespace, len(wanted))
    }
    stranger = pem(create_anchor("stranger", utc(time.time()))[0]).decode()

    def data_plane(part: str, error: str, result: str) -> dict[str, str]:
        """Wait until the check says so of one item; return it."""

        def item() -> dict[str, str] | None:
            found = check(cluster.plane.admin, "--proxy", "-n", namespace).category("meshtui-data-plane")
            said = [each for each in found if part in each["description"] and error in each.get("error", "")]
            return said[0] if said and said[0]["result"] == result else None

        return until(item, 120, f"{part}: {result} {error}", every=0.5)

    def pod(name: str) -> str:
        return f"{namespace}/{pods[name]}"

    with (
        workload(mesh, namespace, "well", pods["well"]),
        workload(mesh, namespace, "newer", pods["newer"], speaks=(PROTOCOL + 1, PROTOCOL)),
        workload(mesh, namespace, "foreign", pods["foreign"], anchors=stranger, ready=False) as foreign,
    ):
        idle = data_plane("are ready", "not ready: ", "error")
        assert all(pod(name) in idle["error"] for name in wanted)
        assert "`kubectl describe pod NAME`" in idle["hint"]

        kubelet(cluster, namespace)
        lost = f"no uplink from {', '.join(sorted(map(pod, ('foreign', 'silent'))))}"
        connected = data_plane("are connected", lost, "error")
        assert (connected["error"], connected["hint"]) == (lost, "`kubectl logs POD -c meshtui-proxy` says why")
        why = re.compile(r"127\.0\.0\.1:\d+ is not \S+: .*certificate")
        until(lambda: why.search(foreign.log.read_text()), 60, "why, in the log of that sidecar")
        version = data_plane(
            "control plane's version", f"not {VERSION}: {pod('newer')} (0.{PROTOCOL + 1}.0)", "warning"
        )
        assert pod("well") not in version["error"]
        assert "kubectl rollout restart" in version["hint"]
        data_plane("certificates are valid", "", "success")

        late = until(lambda: asyncio.run(tomorrow(cluster.plane.admin, namespace)), 60, "an answer")
        assert late.result == CHECK_ERROR
        assert late.error == f"expired: {', '.join(sorted(map(pod, ('well', 'newer'))))}"
        assert late.hint == "`kubectl logs POD -c meshtui-proxy` says why"


async def tomorrow(kubeconfig: Path, namespace: str) -> CheckItem | None:
    """Return what a check would say of certificates that nobody renewed until tomorrow."""
    async with open_cluster(str(kubeconfig), environ={}) as session:
        facts = await gather(session, PROXY, "", namespace)
    rooms = categories(replace(facts, now=facts.now + timedelta(hours=25)), PROXY)
    items = [item for room in rooms if room.name == "meshtui-data-plane" for item in room.checks]
    return next((item for item in items if "certificates are valid" in item.description), None)


# What breaks an installation, and how it is found: category, a word of the check, of its error, of its hint.
Break = Callable[[Cluster, Mesh], None]


def remove(kind: str, name: str, namespace: str = "") -> Break:
    def broken(cluster: Cluster, mesh: Mesh) -> None:
        space = ["-n", namespace] if namespace else []
        cluster.kubectl("delete", kind, name, *space, "--timeout=60s")

    return broken


def wrong_ca(cluster: Cluster, mesh: Mesh) -> None:
    mesh.end()  # which would put it right within 30 s
    stranger, _ = create_anchor("stranger", utc(1_790_000_000))
    bundle = base64.b64encode(pem(stranger)).decode()
    change = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]
    cluster.kubectl(
        "patch", "mutatingwebhookconfiguration", "meshtui-injector", "--type=json", "-p", json.dumps(change)
    )


def away(cluster: Cluster, mesh: Mesh) -> None:
    mesh.end()
    until(lambda: not mesh.is_reached(), 60, "the API server to notice", every=0.5)


def settings(document: str) -> Break:
    return lambda cluster, mesh: mesh.configure(document)


def issuer(*, ended: bool = False, stranger: bool = False) -> Break:
    """Put in an issuer that has ended, or that none of the anchors has signed."""

    def broken(cluster: Cluster, mesh: Mesh) -> None:
        now = utc(1_500_000_000 if ended else time.time())
        anchor, key = create_anchor("old", now)
        made, issuer_key = create_issuer("old", anchor, key, now)
        parts = {"issuer.pem": pem(made), "issuer.key": key_pem(issuer_key)}
        data = {name: base64.b64encode(part).decode() for name, part in parts.items()}
        cluster.kubectl("patch", "secret", names.ISSUER_SECRET, "-n", NAMESPACE, "-p", json.dumps({"data": data}))

    assert ended or stranger
    return broken


def unbound(cluster: Cluster, mesh: Mesh) -> None:
    cluster.kubectl("delete", "clusterrolebinding", ACCOUNT)


def stuck(cluster: Cluster, mesh: Mesh) -> None:
    """Pods that cannot start."""
    cluster.kubectl("delete", "pod", "-n", NAMESPACE, "--all", "--grace-period=0", "--force")
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{ACCOUNT}"
    until(lambda: not cluster.get(path)["status"].get("readyReplicas"), 30, "a Deployment without a ready pod")


def older(cluster: Cluster, mesh: Mesh) -> None:
    cluster.kubectl("set", "image", f"deploy/{ACCOUNT}", "controller=meshtui/controller:0.0.9", "-n", NAMESPACE)


def narrow_role(cluster: Cluster, mesh: Mesh) -> None:
    """The role of a version that did not watch our kinds yet."""
    role = cluster.get(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{ACCOUNT}")
    rules = [rule for rule in role["rules"] if rule["apiGroups"] != ["mesh.meshtui.dev"]]
    cluster.kubectl("patch", "clusterrole", ACCOUNT, "--type=merge", "-p", json.dumps({"rules": rules}))


BROKEN: dict[str, tuple[Break, str, str, str, str]] = {
    "webhook deleted": (
        remove("mutatingwebhookconfiguration", "meshtui-injector"),
        "meshtui-webhooks", "meshtui-injector exists", "no new pod gets a sidecar", UPGRADE,
    ),
    "wrong CA bundle": (
        wrong_ca, "meshtui-webhooks", "meshtui-injector knows the mesh", "another than", "kubectl logs",
    ),
    "APIService missing": (
        remove("apiservice", OBSERVE), "meshtui-apiservice", f"{OBSERVE} exists", "nobody can look", UPGRADE,
    ),
    "control plane away": (
        away, "meshtui-apiservice", "it is available", "", f"kubectl get pods -n {NAMESPACE}",
    ),
    "settings that are no YAML": (
        settings("images: ["), "meshtui-config", "can be used", "not YAML", "kubectl edit configmap",
    ),
    "settings missing": (
        remove("configmap", names.CONFIG_MAP, NAMESPACE), "meshtui-config", "exists", "there is none", UPGRADE,
    ),
    "issuer expired": (
        issuer(ended=True), "meshtui-identity", "issuer's certificate is valid", "valid from 2017", "identity rotate",
    ),
    "issuer of somebody else": (
        issuer(stranger=True), "meshtui-identity", "signed by a trust anchor", "by none", "identity rotate",
    ),
    "issuer Secret missing": (
        remove("secret", names.ISSUER_SECRET, NAMESPACE),
        "meshtui-identity", "holds the issuer", "does not exist", f"kubectl delete configmap {names.ANCHORS_MAP}",
    ),
    "anchors missing": (
        remove("configmap", names.ANCHORS_MAP, NAMESPACE),
        "meshtui-identity", "holds the trust anchors", "does not exist", "kubectl create configmap",
    ),
    "binding missing": (
        unbound, "meshtui-existence", f"ClusterRoleBinding {ACCOUNT}", "may not ask", UPGRADE,
    ),
    "role of an older version": (
        narrow_role, "meshtui-existence", f"ClusterRole {ACCOUNT}", "it lacks list serviceprofiles", UPGRADE,
    ),
    "kinds missing": (
        remove("crd", "ratelimits.mesh.meshtui.dev"), "meshtui-existence", "kinds are defined", "ratelimits", UPGRADE,
    ),
    "pods that do not start": (
        stuck, "meshtui-control-plane", "pods are ready", "0 of 1", "kubectl describe pods",
    ),
}  # fmt: skip


@pytest.fixture
def whole(cluster: Cluster, mesh: Mesh) -> Iterator[None]:
    """Put an installation back as it was."""
    kept = [
        cluster.get(f"/api/v1/namespaces/{NAMESPACE}/{path}")
        for path in (f"secrets/{names.ISSUER_SECRET}", f"configmaps/{names.ANCHORS_MAP}")
    ]
    yield
    for each in kept:
        each["metadata"] = {key: each["metadata"][key] for key in ("name", "namespace", "labels")}
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(each))
    mesh.install()
    mesh.configure(write(mesh.settings))
    cluster.kubectl("set", "image", f"deploy/{ACCOUNT}", "controller=meshtui/controller:0.1.0", "-n", NAMESPACE)
    ready(cluster)
    if mesh.process is None:
        mesh.start()
    until(lambda: check(cluster.plane.admin).wrong() == [], 60, "a mesh that is well again", every=1)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_installation(cluster: Cluster, mesh: Mesh, whole: None, name: str) -> None:
    breaks, category, what, error, hint = BROKEN[name]
    breaks(cluster, mesh)
    found = check(cluster.plane.admin)
    assert found.status == 1
    items = [item for where, item in found.wrong() if where == category and what in item["description"]]
    assert len(items) == 1, found.wrong()
    assert error in items[0]["error"]
    assert hint in items[0]["hint"]


def test_an_older_control_plane_is_a_warning(cluster: Cluster, mesh: Mesh, whole: None) -> None:
    older(cluster, mesh)
    found = check(cluster.plane.admin)
    (item,) = (each for each in found.category("meshtui-version") if "image" in each["description"])
    assert (item["result"], UPGRADE in item["hint"]) == ("warning", True)


def test_what_comes_by_itself_is_waited_for(cluster: Cluster, mesh: Mesh, whole: None) -> None:
    wrong_ca(cluster, mesh)
    assert check(cluster.plane.admin).status == 1
    mesh.start()
    assert check(cluster.plane.admin, "--wait", "45s").status == 0
