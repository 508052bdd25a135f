"""The control plane beside a real API server: it injects, certifies, counts, and answers people as RBAC has it."""

import base64
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from meshcore.inject import names
from meshcore.inject.settings import write
from tests.cluster.api.test_plane import deployment
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import DOMAIN, Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.sidecar import workload
from tests.cluster.support.wait import until
from tests.cluster.tools.find import need_program

ROOT = "/apis/observe.meshtui.dev/v1alpha1"


@pytest.fixture(scope="module")
def mesh(cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with kept_if_failed(request.session, tmp_path_factory.mktemp("mesh")) as folder, running(cluster, folder) as found:
        yield found


def pods_of(cluster: Cluster, namespace: str, count: int) -> list[Any]:
    def made() -> list[Any] | None:
        found = cluster.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
        return found if len(found) == count else None

    return until(made, 20, f"{count} pods in {namespace}")


def meshed(cluster: Cluster, namespace: str) -> None:
    """Have the pods of a namespace meshed from now on."""
    cluster.kubectl("annotate", "namespace", namespace, f"{names.INJECT}={names.ENABLED}")

    def injects() -> bool:
        made = cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod("probe"))
        return "initContainers" in made["spec"]

    until(injects, 60, f"the injector to know of {namespace}")


def pod(name: str, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {"containers": [{"name": "a", "image": "a:1"}], **spec},
    }


def events_of(cluster: Cluster, namespace: str, reason: str) -> dict[tuple[str, str], str]:
    """Return the notes of events, by what they are about."""
    found = cluster.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    return {
        (each["regarding"]["kind"], each["regarding"]["name"]): each["note"]
        for each in found
        if each["reason"] == reason
    }


def test_a_pod_of_an_enabled_namespace_gets_a_sidecar(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    meshed(cluster, namespace)
    cluster.apply(deployment("web"), namespace=namespace)
    (made,) = pods_of(cluster, namespace, 1)
    assert [one["name"] for one in made["spec"]["initContainers"]] == [names.REDIRECT, names.PROXY]
    assert made["spec"]["initContainers"][1]["restartPolicy"] == "Always"
    assert made["metadata"]["labels"][names.WORKLOAD_NAME] == "web"
    ((kind, _),) = until(lambda: events_of(cluster, namespace, "Injected"), 60, "an event")  # none of a dry run
    assert kind == "ReplicaSet"


def test_what_cannot_have_one_goes_on_and_says_why(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    meshed(cluster, namespace)
    quiet = [
        pod("told-not-to", {names.INJECT: names.DISABLED}),
        pod("has-one", containers=[{"name": names.PROXY, "image": "a:1"}]),
    ]
    loud = {
        "host": (pod("host", hostNetwork=True), "hostNetwork is on"),
        "os": (pod("os", os={"name": "windows"}), "it is for Windows"),
        "limit": (pod("limit", {names.MEMORY_LIMIT: "16Mi"}), "16Mi is less than the request, 48Mi"),
        "word": (pod("word", {names.INJECT: "yes"}), f"invalid {names.INJECT} annotation 'yes' at pod level"),
        "wish": (pod("wish", {names.CPU_REQUEST: "lots"}), names.CPU_REQUEST),
        "name": (
            pod("name", containers=[{"name": "linkerd-proxy", "image": "a:1"}]),
            "container linkerd-proxy is another mesh's",
        ),
        "image": (
            pod("image", containers=[{"name": "a", "image": "docker.io/istio/proxyv2:1.2"}]),
            "container a is another mesh's",
        ),
    }
    warn = ("create", "--warnings-as-errors", "-n", namespace, "-f", "-")  # what is made is made, and told
    cluster.kubectl(*warn, stdin="\n---\n".join(map(json.dumps, quiet)))
    said = cluster.kubectl(*warn, stdin="\n---\n".join(json.dumps(each) for each, _ in loud.values()), status=1)
    cluster.apply(deployment("my.app"), namespace=namespace)
    for each in pods_of(cluster, namespace, len(quiet) + len(loud) + 1):
        assert "initContainers" not in each["spec"], each["metadata"]["name"]

    def told() -> dict[tuple[str, str], str] | None:
        found = events_of(cluster, namespace, "InjectionSkipped")
        return found if len(found) > len(loud) else None

    found = until(told, 60, "an event of each")
    for name, (_, reason) in loud.items():
        assert reason in found.pop(("Pod", name))
        assert any("no meshtui sidecar: " in line and reason in line for line in said.splitlines()), said
    (((kind, name), note),) = found.items()  # and none of those that were quiet
    assert (kind, name.startswith("my.app-")) == ("ReplicaSet", True)
    assert "'my.app' is no DNS label" in note


def test_a_word_that_a_namespace_does_not_mean_is_told_at_its_pods(
    cluster: Cluster, mesh: Mesh, namespace: str
) -> None:
    cluster.kubectl("annotate", "namespace", namespace, f"{names.INJECT}=Enabled")
    words = ("create", "--warnings-as-errors", "--dry-run=server", "-n", namespace, "-f", "-")

    def said() -> str:
        done = subprocess.run(  # whose exit status tells whether the injector knows of the annotation yet
            [need_program("kubectl"), "--kubeconfig", str(cluster.plane.admin), *words],
            input=json.dumps(pod("web")), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stderr

    until(lambda: f"invalid {names.INJECT} annotation 'Enabled' at namespace level" in said(), 60, "a warning")


def test_a_token_becomes_a_certificate_and_its_traffic_figures(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    cluster.apply(deployment("web"), namespace=namespace)
    (made,) = pods_of(cluster, namespace, 1)
    with workload(mesh, namespace, "web", made["metadata"]["name"]) as web:
        assert [web.call() for _ in range(8)] + [web.call("/fail")] == [200] * 8 + [500]
        path = f"{ROOT}/namespaces/{namespace}/stats?kind=deployment&name=web"

        def counted() -> dict[str, Any] | None:
            rows = json.loads(cluster.kubectl("get", "--raw", path))["rows"]
            http = rows[0].get("http") or {} if rows else {}
            return http if int(http.get("success", 0)) == 8 and int(http.get("failure", 0)) == 1 else None

        until(counted, 60, "the figures of web")
    told = until(lambda: events_of(cluster, namespace, "CertificateIssued"), 60, "an event of the certificate")
    assert told == {("ServiceAccount", "default"): f"a certificate for spiffe://{DOMAIN}/ns/{namespace}/sa/default"}


def test_rbac_says_who_sees_what(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    cluster.apply(deployment("web"), namespace=namespace)
    cluster.bind("meshtui-view", "user:ann", namespace)
    ann, bob = cluster.user("ann"), cluster.user("bob")
    path = f"{ROOT}/namespaces/{namespace}/stats"
    until(lambda: cluster.kubectl("get", "--raw", path, kubeconfig=ann), 10, "ann's answer")
    for who, what in ((ann, f"{ROOT}/stats"), (ann, f"{ROOT}/namespaces/default/stats"), (bob, path)):
        said = cluster.kubectl("get", "--raw", what, kubeconfig=who, status=None)
        assert "forbidden" in said.lower()
    assert "web" in cluster.kubectl("get", "--raw", f"{path}?unmeshed=true", kubeconfig=ann)
    said = cluster.kubectl("get", "stats.observe.meshtui.dev", "-n", namespace, kubeconfig=ann, status=None)
    assert f"`meshtui stat -n {namespace}` shows them, `kubectl get --raw {path}` prints them as JSON" in said


def test_a_token_for_somebody_else_is_refused(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    token = cluster.token(namespace, "other", audiences=[names.AUDIENCE])
    cluster.token(namespace, "web")
    with workload(mesh, namespace, "web", "web-0", account="web", token=token, ready=False) as sidecar:
        assert sidecar.process.wait(20) == 77
        assert f"is system:serviceaccount:{namespace}:other's" in sidecar.log.read_text()
    told = until(lambda: events_of(cluster, namespace, "CertificateRefused"), 60, "an event of the refusal")
    assert f"is system:serviceaccount:{namespace}:other's" in told.pop(("ServiceAccount", "web"))
    assert not told
    plain = cluster.token(namespace, "web")
    with workload(mesh, namespace, "web", "web-1", account="web", token=plain, ready=False) as sidecar:
        assert sidecar.process.wait(20) == 77
        assert "the token is not accepted" in sidecar.log.read_text()


def test_the_api_server_is_told_by_which_ca_to_know_us(cluster: Cluster, mesh: Mesh) -> None:
    bundle = base64.b64encode(mesh.anchors.encode()).decode()
    path = "/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.observe.meshtui.dev"

    def known() -> bool:
        found = cluster.get(path)
        conditions = {each["type"]: each["status"] for each in (found.get("status") or {}).get("conditions") or ()}
        return found["spec"].get("caBundle") == bundle and conditions.get("Available") == "True"

    until(known, 20, "the APIService with our CA")
    cluster.kubectl(
        "patch",
        "apiservice",
        "v1alpha1.observe.meshtui.dev",
        "--type=json",
        "-p",
        json.dumps(
            [
                {"op": "remove", "path": "/spec/caBundle"},
                {"op": "add", "path": "/spec/insecureSkipTLSVerify", "value": True},
            ]
        ),
    )
    cluster.kubectl(
        "patch",
        "apiservice",
        "v1alpha1.observe.meshtui.dev",
        "--type=json",
        "-p",
        json.dumps([{"op": "remove", "path": "/spec/insecureSkipTLSVerify"}]),
    )
    until(known, 60, "the CA that somebody took away")


def test_a_restart_keeps_the_authority_and_a_kill_nobodys_pods(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    before = mesh.anchors
    meshed(cluster, namespace)
    mesh.end(kill=True)
    cluster.apply(deployment("web"), namespace=namespace)
    (bare,) = pods_of(cluster, namespace, 1)
    assert "initContainers" not in bare["spec"]  # the webhook is away, and the pod went on
    mesh.start()
    assert mesh.anchors == before
    cluster.kubectl("delete", "pod", bare["metadata"]["name"], "-n", namespace, "--wait=false")
    until(lambda: any("initContainers" in one["spec"] for one in pods_of(cluster, namespace, 1)), 30, "a meshed pod")
    assert all(line["level"] != "error" for line in mesh.log())


def test_settings_that_cannot_be_used_change_nothing(cluster: Cluster, mesh: Mesh) -> None:
    mesh.configure("proxy: {cpuRequest: lots}")
    until(
        lambda: any("the last good settings stay in force" in line["message"] for line in mesh.log()), 10, "a log line"
    )
    assert mesh.is_ready()
    mesh.configure(write(mesh.settings))


def test_its_own_page_of_metrics(mesh: Mesh) -> None:
    status, text = mesh.admin("/metrics")
    assert status == 200
    for name in ("proxy_inject_admission_requests_total", "issuer_cert_ttl_seconds", "meshtui_watch_synced"):
        assert name in text
