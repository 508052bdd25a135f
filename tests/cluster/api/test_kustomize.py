"""`kubectl apply -k deploy/base` and `-k deploy/ha`, with nothing of ours before: what is applied is a mesh that runs.

The control plane is started by the arguments of the Deployment that was applied, as the account that was applied, and
has no issuer until it makes its own.
"""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import ApiException

from meshcore.inject import names
from tests.cluster.api.test_mesh import deployment, meshed, pods_of
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import BASE, NAMESPACE, OBSERVE, Mesh
from tests.cluster.support.wait import until

ACCOUNT = "meshtui-controller"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{ACCOUNT}"
HOOK = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/meshtui-injector"
BUDGET = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets/{ACCOUNT}"


class Applied(Mesh):
    """A control plane of which everything is what kubectl applied, but how the API server finds this process."""

    def install(self) -> None:
        until(self._nothing_ends, 300, "the kinds of an earlier mesh to be gone")
        self.apply("base")
        self.kubeconfig = self.cluster.account(NAMESPACE, ACCOUNT)

    def apply(self, overlay: str) -> None:
        """Apply a folder as it is, then lead the API server here: a Service of pods leads nowhere without a node."""
        hooks = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
        ours = ["--selector", "app.kubernetes.io/part-of=meshtui", "--ignore-not-found"]
        self.cluster.kubectl("delete", hooks, *ours)  # what was led here before
        self.cluster.kubectl("delete", "service", "meshtui-observe", "-n", NAMESPACE, "--ignore-not-found")
        self.cluster.kubectl("apply", "-k", str(BASE.parent / overlay))
        for each in self.objects():
            if each["metadata"]["name"] in ("meshtui-observe", OBSERVE):
                self.cluster.kubectl("delete", each["kind"], each["metadata"]["name"], "-n", NAMESPACE)
                self.cluster.apply(each, namespace=NAMESPACE)
            elif each["kind"].endswith("WebhookConfiguration"):
                found = self.cluster.get(f"{HOOKS[each['kind']]}/{each['metadata']['name']}")
                for hook, here in zip(found["webhooks"], each["webhooks"], strict=True):
                    hook["clientConfig"] = here["clientConfig"]
                self.cluster.request("PUT", f"{HOOKS[each['kind']]}/{each['metadata']['name']}", found)

    def command(self) -> list[str]:
        (container,) = self.cluster.get(DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
        text = "\n".join(container["args"])
        text = text.replace("$(POD_NAMESPACE)", NAMESPACE).replace("$(POD_NAME)", "meshtui-controller-0")
        words = [sys.executable, "-m", "meshcore", *text.splitlines()]
        words = [f"--dir={self.folder}" if word.startswith("--dir=") else word for word in words]
        here = ["--kubeconfig", str(self.kubeconfig), "--listen", "127.0.0.1", "--dns-name", "localhost"]
        return [*words, *here]

    def close(self) -> None:
        """Take it away as it came."""
        self.end()
        self.cluster.kubectl(
            "delete", "-k", str(BASE.parent / "ha"), "--ignore-not-found", "--timeout=280s", seconds=300
        )


HOOKS = {
    f"{kind}WebhookConfiguration": f"/apis/admissionregistration.k8s.io/v1/{kind.lower()}webhookconfigurations"
    for kind in ("Mutating", "Validating")
}


@pytest.fixture(scope="module")
def applied(
    cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Applied]:
    with kept_if_failed(request.session, tmp_path_factory.mktemp("applied")) as folder:
        found = Applied(cluster, folder)
        try:
            found.install()
            yield found
        finally:
            found.close()


def exists(cluster: Cluster, path: str) -> bool:
    try:
        cluster.get(path)
    except ApiException as error:
        assert error.status == 404, error
        return False
    return True


def injected(cluster: Cluster, namespace: str) -> dict[str, Any]:
    """Return the sidecar of a new pod."""
    meshed(cluster, namespace)
    cluster.apply(deployment("web"), namespace=namespace)
    (pod,) = pods_of(cluster, namespace, 1)
    found: dict[str, Any] = next(one for one in pod["spec"].get("initContainers") or () if one["name"] == names.PROXY)
    return found


def test_the_base_alone_is_a_mesh_with_an_issuer_of_its_own(cluster: Cluster, applied: Applied, namespace: str) -> None:
    secret = f"/api/v1/namespaces/{NAMESPACE}/secrets/{names.ISSUER_SECRET}"
    assert not exists(cluster, secret)
    applied.start()
    assert set(cluster.get(secret)["data"]) >= {"issuer.pem", "issuer.key"}
    sidecar = injected(cluster, namespace)
    assert sidecar["image"] == "meshtui/agents:0.1.0"
    (config,) = (each["value"] for each in sidecar["env"] if each["name"] == "MESHTUI_CONFIG")
    assert applied.anchors.splitlines()[1] in config
    assert "meshtui-identity.meshtui.svc:8080" in config
    assert cluster.get(HOOK)["webhooks"][0]["failurePolicy"] == "Ignore"


def test_the_overlay_makes_it_one_of_three_replicas(cluster: Cluster, applied: Applied, namespace: str) -> None:
    anchors = applied.anchors
    applied.apply("ha")
    assert cluster.get(DEPLOYMENT)["spec"]["replicas"] == 3
    assert cluster.get(BUDGET)["spec"]["maxUnavailable"] == 1
    assert cluster.get(HOOK)["webhooks"][0]["failurePolicy"] == "Fail"
    applied.end()
    applied.start()
    until(lambda: cluster.get(HOOK)["webhooks"][0]["clientConfig"].get("caBundle"), 60, "the webhook's CA")
    assert injected(cluster, namespace)["name"] == names.PROXY
    assert applied.anchors == anchors
