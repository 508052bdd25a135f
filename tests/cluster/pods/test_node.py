"""The node is a real one: pods start in order, are reached, log, and run commands."""

import urllib.request

from tests.cluster.support import traces
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.node import Node
from tests.cluster.support.wait import until
from tests.cluster.tools.images import TOOLS

PAGE = "mkdir -p /tmp/w && cp /from/init /tmp/w/index.html && echo serving && exec httpd -f -p 8080 -h /tmp/w"


def web(replicas: int) -> dict[str, object]:
    """A server of the page that its init container wrote."""
    labels = {"app": "web"}
    mounts = [{"name": "from", "mountPath": "/from"}]
    init = {"name": "init", "image": TOOLS, "command": ["sh", "-c", "hostname > /from/init"], "volumeMounts": mounts}
    probe = {"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 1}
    app = {
        "name": "app",
        "image": TOOLS,
        "command": ["sh", "-c", PAGE],
        "volumeMounts": mounts,
        "readinessProbe": probe,
    }
    spec = {"initContainers": [init], "containers": [app], "volumes": [{"name": "from", "emptyDir": {}}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {**spec, "terminationGracePeriodSeconds": 0}},
        },
    }


SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


def page(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/index.html", timeout=30) as answer:
        text: str = answer.read().decode()
        return text.strip()


def test_a_deployment_runs_and_is_reached(cluster: Cluster, namespace: str) -> None:
    cluster.apply(web(2), SERVICE, namespace=namespace)
    pods = cluster.ready_pods(namespace, "app=web", 2)
    for pod in pods:
        assert page(f"{pod.status.pod_ip}:8080") == pod.metadata.name
    service = cluster.core.read_namespaced_service("web", namespace).spec.cluster_ip
    names = {pod.metadata.name for pod in pods}
    until(lambda: {page(f"{service}:80") for _ in range(8)} == names, 20, "the Service to give both pods")


def test_pods_resolve_names_of_the_cluster_only(cluster: Cluster, namespace: str) -> None:
    cluster.apply(web(1), SERVICE, namespace=namespace)
    (pod,) = cluster.ready_pods(namespace, "app=web", 1)
    inside = ["exec", pod.metadata.name, "-n", namespace, "-c", "app", "--"]
    for name in ("web", f"web.{namespace}.svc.cluster.local"):
        # The name is known a moment after the Service.
        again = f"for n in 1 2 3 4 5 6 7 8 9; do wget -q -O - http://{name}/index.html && exit; sleep 1; done; exit 1"
        assert cluster.kubectl(*inside, "sh", "-c", again).strip() == pod.metadata.name
    said = cluster.kubectl(*inside, "wget", "-q", "-O", "-", "http://host.example/", status=None)
    assert "bad address" in said


def test_logs_and_exec(cluster: Cluster, namespace: str) -> None:
    cluster.apply(web(1), namespace=namespace)
    (pod,) = cluster.ready_pods(namespace, "app=web", 1)
    name = pod.metadata.name
    assert cluster.kubectl("logs", name, "-n", namespace, "-c", "app") == "serving\n"
    assert cluster.kubectl("exec", name, "-n", namespace, "-c", "app", "--", "cat", "/from/init") == f"{name}\n"


def test_what_it_leaves_on_the_machine_is_known(node: Node) -> None:
    kinds = {line.partition(" ")[0] for line in traces.of_node(node.folder)}
    assert kinds >= {"link", "route", "cgroup", "process"}  # at its end, the fixture looks again: there must be none
