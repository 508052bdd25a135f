"""`meshtui install | kubectl apply -f -` and its kin, against a real API server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import ApiException

from meshcore.inject.names import ANCHORS_MAP, CONFIG_MAP, ISSUER_SECRET
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.people import meshtui
from tests.cluster.support.wait import until

NAMESPACE = "mesh-install"
STALE = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "old", "labels": {"app.kubernetes.io/part-of": "meshtui"}},
}
EXEMPT = "mesh.meshtui.dev/admission-webhooks"


def printed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_the_way(kubeconfig: Path, namespace: str) -> dict[str, str]:
    """Return what `meshtui check --pre` finds wrong with a namespace."""
    words = ("check", "--pre", "--mesh-namespace", namespace, "--wait", "0", "-o", "json")
    done = meshtui(*words, kubeconfig=kubeconfig)
    assert done.returncode == 1, done.stderr
    items = [item for each in json.loads(done.stdout)["categories"] for item in each["checks"]]
    return {item["description"]: item["error"] for item in items if item["result"] == "error"}


def test_installed_upgraded_and_gone_again(cluster: Cluster) -> None:
    admin = cluster.plane.admin
    here = ["--mesh-namespace", NAMESPACE]
    wanted = printed(meshtui("install", *here, "--ha", "--set", "proxy.cpuRequest=33m", kubeconfig=admin))
    cluster.kubectl("create", "namespace", NAMESPACE)  # a dry run makes none, and what is in it has to be somewhere
    said = cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=wanted)
    assert said.count("\n") == len(list(yaml.safe_load_all(wanted)))
    cluster.kubectl("apply", "-f", "-", stdin=wanted)
    applied_again_it_changes_nothing(cluster, wanted)

    again = meshtui("install", *here, kubeconfig=admin)
    assert again.returncode == 1
    assert "a mesh is installed already" in again.stderr
    assert "meshtui upgrade" in again.stderr

    elsewhere = meshtui("install", "--mesh-namespace", "mesh-beside", kubeconfig=admin)
    assert elsewhere.returncode == 1
    assert f"that of the mesh in namespace {NAMESPACE}" in elsewhere.stderr
    assert f"in namespace {NAMESPACE}" in in_the_way(admin, "mesh-beside")["no mesh is installed in another namespace"]
    printed(meshtui("install", "--namespaced", "--mesh-namespace", "mesh-beside", kubeconfig=admin))

    cluster.kubectl("delete", "configmap", ANCHORS_MAP, "-n", NAMESPACE)
    half = meshtui("install", *here, kubeconfig=admin)
    assert half.returncode == 1
    assert f"Secret {NAMESPACE}/{ISSUER_SECRET} holds the issuer of an earlier mesh" in half.stderr
    assert "an earlier mesh" in in_the_way(admin, NAMESPACE)[f"no issuer is left in namespace {NAMESPACE}"]

    newer = list(yaml.safe_load_all(printed(meshtui("upgrade", *here, "--image-tag", "9.9", kubeconfig=admin))))
    assert not [each for each in newer if each["kind"] == "Secret"]
    (config,) = (each for each in newer if each["kind"] == "ConfigMap")
    assert "cpuRequest: 33m" in config["data"]["config.yaml"]
    assert "meshtui/controller:9.9" in config["data"]["config.yaml"]

    cluster.kubectl("delete", "configmap", CONFIG_MAP, "-n", NAMESPACE)
    put_back = meshtui("upgrade", *here, kubeconfig=admin)
    assert f"ConfigMap {NAMESPACE}/{CONFIG_MAP} is gone" in put_back.stderr
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=printed(put_back))

    cluster.apply(STALE, namespace=NAMESPACE)
    (left,) = yaml.safe_load_all(printed(meshtui("prune", *here, kubeconfig=admin)))
    assert (left["kind"], left["metadata"]["name"]) == ("ConfigMap", "old")
    replicas_are_kept_until_somebody_says_otherwise(cluster, here)

    gone = printed(meshtui("uninstall", *here, kubeconfig=admin))
    cluster.kubectl("delete", "--timeout=290s", "-f", "-", stdin=gone, seconds=300)
    rest = meshtui("uninstall", *here, kubeconfig=admin)
    assert (rest.returncode, rest.stdout) == (0, "")
    assert "Nothing of the mesh" in rest.stderr


def applied_again_it_changes_nothing(cluster: Cluster, wanted: str) -> None:
    """Apply what is there already, as kubectl does and as the server does; neither may have anything to settle."""
    said = cluster.kubectl("apply", "-f", "-", stdin=wanted).splitlines()
    # kubectl sends a disruption budget's selector anew each time, and calls that a change.
    assert [line for line in said if not line.endswith(" unchanged") and not line.startswith("poddisruption")] == []
    assert cluster.kubectl("diff", "-f", "-", stdin=wanted) == ""
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=wanted)
    assert cluster.kubectl("diff", "--server-side", "-f", "-", stdin=wanted) == ""


def replicas_are_kept_until_somebody_says_otherwise(cluster: Cluster, here: list[str]) -> None:
    """Upgrade an installation of --ha, as it is and to one replica."""
    admin = cluster.plane.admin
    cluster.kubectl("scale", "deploy/meshtui-controller", "-n", NAMESPACE, "--replicas=1")
    assert outlives(printed(meshtui("upgrade", *here, kubeconfig=admin))) == (3, "Fail")
    single = printed(meshtui("upgrade", *here, "--no-ha", kubeconfig=admin))
    assert outlives(single) == (1, "Ignore")

    reader = cluster.user("reader")
    cluster.bind("view", "user:reader", NAMESPACE)
    seen = until(lambda: meshtui("upgrade", *here, kubeconfig=reader).stdout, 60, "a reader's rights")
    assert outlives(seen) == (3, "Fail")  # the Deployment says so, the webhook need not be seen
    cluster.kubectl("apply", "-f", "-", stdin=single)
    narrow = meshtui("upgrade", *here, kubeconfig=reader)
    assert (narrow.returncode, narrow.stdout, narrow.stderr.count("\n")) == (1, "", 1)
    assert "mutatingwebhookconfigurations" in narrow.stderr
    assert "say --ha or --no-ha" in narrow.stderr
    assert outlives(printed(meshtui("upgrade", *here, "--ha", kubeconfig=reader))) == (3, "Fail")

    assert outlives(printed(meshtui("upgrade", *here, kubeconfig=admin))) == (1, "Ignore")
    left = {
        (each["kind"], each["metadata"]["name"])
        for each in yaml.safe_load_all(printed(meshtui("prune", *here, kubeconfig=admin)))
    }
    assert left == {("ConfigMap", "old"), ("PodDisruptionBudget", "meshtui-controller")}


def outlives(text: str) -> tuple[int, str]:
    """Return what a printed mesh says of losses: replicas of the control plane, and the injector's failurePolicy."""
    objects = {each["kind"]: each for each in yaml.safe_load_all(text)}
    (hook,) = objects["MutatingWebhookConfiguration"]["webhooks"]
    return objects["Deployment"]["spec"]["replicas"], hook["failurePolicy"]


def test_an_admin_of_one_namespace_upgrades_and_prunes_its_mesh(cluster: Cluster, namespace: str) -> None:
    owner = cluster.user("keeper", namespace=namespace)
    cluster.bind("admin", "user:keeper", namespace)
    here = ["--namespaced", "--mesh-namespace", namespace]
    assert meshtui("check", "--pre", "--wait", "0", *here, kubeconfig=owner).returncode == 0
    wanted = printed(meshtui("install", *here, kubeconfig=owner))
    cluster.kubectl("apply", "-f", "-", stdin=wanted, kubeconfig=owner)

    newer = printed(meshtui("upgrade", *here, "--image-tag", "9.9", kubeconfig=owner))
    kinds = {each["kind"] for each in yaml.safe_load_all(newer)}
    assert kinds == {"ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Service", "Deployment"}
    cluster.kubectl("apply", "-f", "-", stdin=newer, kubeconfig=owner)

    assert "nothing to prune" in meshtui("prune", *here, kubeconfig=owner).stderr
    cluster.apply(STALE, namespace=namespace)
    (left,) = yaml.safe_load_all(printed(meshtui("prune", *here, kubeconfig=owner)))
    assert (left["kind"], left["metadata"]["name"]) == ("ConfigMap", "old")


def test_a_namespace_that_is_in_use_is_not_taken_and_never_deleted(cluster: Cluster, namespace: str) -> None:
    admin, here = cluster.plane.admin, ["--mesh-namespace", namespace]
    cluster.kubectl("create", "deployment", "shop", "--image=a:1", "--replicas=0", "-n", namespace)
    refused = meshtui("install", *here, kubeconfig=admin)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert f"namespace {namespace} holds deployment/shop" in refused.stderr
    assert "holds deployment/shop" in in_the_way(admin, namespace)[f"nothing else runs in namespace {namespace}"]

    mesh = printed(meshtui("install", *here, "--ignore-cluster", kubeconfig=admin))
    cluster.kubectl("apply", "-f", "-", stdin=mesh)
    done = meshtui("uninstall", *here, kubeconfig=admin)
    gone = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(printed(done))}
    assert ("Deployment", "meshtui-controller") in gone
    assert not gone & {("Namespace", namespace), ("Deployment", "shop")}
    assert f"Namespace {namespace} stays: it holds deployment/shop." in done.stderr
    cluster.kubectl("delete", "--timeout=290s", "-f", "-", stdin=done.stdout, seconds=300)
    cluster.kubectl("get", "deployment", "shop", "-n", namespace)


def test_uninstall_waits_for_the_last_meshed_pod(cluster: Cluster, namespace: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "labels": {"mesh.meshtui.dev/meshed": "true"}},
        "spec": {"containers": [{"name": "a", "image": "a:1"}]},
    }
    cluster.apply(pod, namespace=namespace)
    done = meshtui("uninstall", kubeconfig=cluster.plane.admin)
    assert done.returncode == 1
    assert f"pods still have sidecars: {namespace}/web" in done.stderr
    assert meshtui("uninstall", "--force", kubeconfig=cluster.plane.admin).returncode == 0


def injector(cluster: Cluster, namespace: str, *flags: str) -> dict[str, Any]:
    """Return the mutating webhook of an installation in a namespace."""
    wanted = printed(meshtui("install", "--mesh-namespace", namespace, *flags, kubeconfig=cluster.plane.admin))
    return next(each for each in yaml.safe_load_all(wanted) if each["kind"] == "MutatingWebhookConfiguration")


def refusal(cluster: Cluster, namespace: str) -> str:
    """Return why a pod is refused; empty: it is let in."""
    pod = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    try:
        cluster.core.create_namespaced_pod(namespace, pod, dry_run="All")
    except ApiException as error:
        return str(error.body)
    return ""


def passed_by(cluster: Cluster) -> float:
    """Return how often the API server went on without the injector."""
    counted = cluster.kubectl("get", "--raw", "/metrics").splitlines()
    name = "apiserver_admission_webhook_fail_open_count{"
    return sum(float(line.split()[1]) for line in counted if line.startswith(name) and "injector.mesh" in line)


def test_pods_wait_for_an_injector_that_is_away_in_ha_mode_alone(cluster: Cluster, namespace: str) -> None:
    with cluster.namespace("mesh") as home, cluster.namespace("apart", {EXEMPT: "disabled"}) as apart:
        try:
            cluster.apply(injector(cluster, home, "--ha"))
            said = until(lambda: refusal(cluster, namespace), 30, "a pod that is refused")
            assert 'failed calling webhook \\"injector.mesh.meshtui.dev\\"' in said
            assert [refusal(cluster, space) for space in ("kube-system", home, apart)] == ["", "", ""]
            before = passed_by(cluster)
            cluster.apply(injector(cluster, home))
            until(lambda: not refusal(cluster, namespace) and passed_by(cluster) > before, 30, "a pod that is let in")
            assert refusal(cluster, namespace) == ""
        finally:
            cluster.kubectl("delete", "mutatingwebhookconfiguration", "meshtui-injector", "--ignore-not-found")


def test_kustomize_makes_the_same_objects(cluster: Cluster) -> None:
    from meshtui.cli.manifests import folder, load, named

    for overlay in ("base", "ha", "namespaced"):
        built = list(yaml.safe_load_all(cluster.kubectl("kustomize", str(folder() / overlay))))
        ours = {named(each): each for each in load(ha=overlay == "ha", namespaced=overlay == "namespaced")}
        assert {named(each): each for each in built} == ours


def test_a_cluster_that_is_not_there_has_a_way_round(cluster: Cluster) -> None:
    config = cluster.plane.kubeconfigs.write("nowhere", {"token": "x"}, cluster={"server": "https://127.0.0.1:1"})
    done = meshtui("install", kubeconfig=config)
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert printed(meshtui("install", "--ignore-cluster", kubeconfig=config)).startswith("---\n")
