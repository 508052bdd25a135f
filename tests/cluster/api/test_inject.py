"""`meshtui inject FILE | kubectl apply -f -` with the settings of the cluster, against a real API server."""

from pathlib import Path

import yaml

from meshcore.inject.names import ANCHORS_MAP, CONFIG_MAP, CPU_REQUEST, PROXY
from tests.cluster.api.test_install import printed
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.people import meshtui

WEB = """# stays
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: web:1
"""


def configured(cluster: Cluster, namespace: str, *changes: str) -> list[str]:
    """Put settings, anchors and Services of a mesh into a namespace, and return the flags that name it."""
    here = ["--mesh-namespace", namespace]
    mesh = printed(meshtui("install", *here, *changes, "--ignore-cluster", kubeconfig=cluster.plane.admin))
    for each in yaml.safe_load_all(mesh):
        if each["metadata"]["name"] in (CONFIG_MAP, ANCHORS_MAP) or each["kind"] == "Service":
            cluster.apply(each, namespace=namespace)
    return here


def test_what_is_injected_applies_cleanly(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    admin = cluster.plane.admin
    here = configured(cluster, namespace)
    file = tmp_path / "web.yml"
    file.write_text(WEB)
    done = meshtui("inject", str(file), *here, kubeconfig=admin)
    text = printed(done)
    assert done.stderr == "deployment/web: injected\n"
    assert text.startswith("# stays\n")
    assert PROXY in text
    said = cluster.kubectl("apply", "--dry-run=server", "-n", namespace, "-f", "-", stdin=text)
    assert said.strip() == "deployment.apps/web created (server dry run)"


def test_the_cluster_says_addresses_and_what_a_namespace_asks_for(cluster: Cluster, namespace: str) -> None:
    admin = cluster.plane.admin
    here = configured(cluster, namespace, "--set", "addresses.byIp=true")
    cluster.kubectl("annotate", "namespace", namespace, f"{CPU_REQUEST}=77m")
    done = meshtui("inject", "-", "-n", namespace, *here, kubeconfig=admin, stdin=WEB)
    pod = yaml.safe_load(printed(done))["spec"]["template"]["spec"]
    (proxy,) = (each for each in pod["initContainers"] if each["name"] == PROXY)
    assert proxy["resources"]["requests"]["cpu"] == "77m"
    address = cluster.core.read_namespaced_service("meshtui-control", namespace).spec.cluster_ip
    assert f'"control_address":"{address}:8086"' in proxy["env"][-1]["value"]
    assert done.stderr == "deployment/web: injected\n"

    narrow = cluster.user("narrow", namespace=namespace)
    cluster.kubectl("create", "role", "reader", "-n", namespace, "--verb=get", "--resource=configmaps,services")
    cluster.kubectl("create", "rolebinding", "reader", "-n", namespace, "--role=reader", "--user=narrow")
    done = meshtui("inject", "-", *here, kubeconfig=narrow, stdin=WEB)
    assert f"annotations of namespace {namespace} are not heeded: " in done.stderr
    assert "77m" not in printed(done)
