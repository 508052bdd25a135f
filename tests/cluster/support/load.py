"""Load in pods: servers of two replicas, and a client that asks them all the time and counts what went wrong.

with load(cluster, namespace, {"polite": ("get grpc", annotations)}) as running:
    with running.lossless(): ...  # nothing may fail meanwhile, nor of the requests after it
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from meshcore.inject import names
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.images import DEMO
from tests.cluster.support.wait import until

INSIDE = Path(__file__).parent / "inside"
PROGRAMS = {path.name: path.read_text() for path in (INSIDE / "server.py", INSIDE / "client.py")}
CLIENT = "client"


class Count(NamedTuple):
    """How many requests there were, in the way that had the fewest; how many failed in all, and the last of those."""

    asked: int
    failed: int
    failures: list[str]

    def since(self, before: "Count") -> list[str]:
        """Return those that failed since."""
        return self.failures[-more:] if (more := self.failed - before.failed) else []


class Load:
    """A running load."""

    def __init__(self, cluster: Cluster, namespace: str, ways: tuple[str, ...]) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self._ways = ways

    def count(self) -> Count:
        """Return what the client says now."""
        pods = self.cluster.core.list_namespaced_pod(self.namespace, label_selector=f"app={CLIENT}").items
        said = self.cluster.kubectl(
            "logs", pods[0].metadata.name, "-n", self.namespace, "-c", CLIENT, "--tail=1"
        ).strip()
        found: Mapping[str, Any] = json.loads(said or '{"asked": {}, "failed": {}, "failures": []}')
        asked = found["asked"]
        least = min((asked.get(way, 0) for way in self._ways), default=0)  # none of the ways is left out
        return Count(least, sum(found["failed"].values()), found["failures"])

    def more(self, requests: int, seconds: float = 60) -> Count:
        """Wait until so many more requests were asked in each way, and return the count."""
        before = self.count()
        until(lambda: self.count().asked >= before.asked + requests, seconds, f"{requests} requests more", every=0.3)
        return self.count()

    def calm(self, requests: int = 20, seconds: float = 60) -> None:
        """Wait until so many requests in a row, in each way, went well."""
        end = time.monotonic() + seconds
        while (before := self.count()).failed != (now := self.more(requests)).failed:
            assert time.monotonic() < end, "\n".join(now.since(before))

    @contextmanager
    def lossless(self, after: int = 20) -> Iterator[None]:
        """Nothing fails in here, nor of the first requests afterwards."""
        before = self.count()
        yield
        now = self.more(after)
        assert now.failed == before.failed, "\n".join(now.since(before))


@contextmanager
def load(cluster: Cluster, namespace: str, servers: Mapping[str, tuple[str, Mapping[str, str]]]) -> Iterator[Load]:
    """Run servers, by name: which ways they are asked in, and their pods' annotations. Names are manners."""
    ways = tuple(f"{way}:{server}" for server, (which, _) in servers.items() for way in which.split())
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "programs"}, "data": PROGRAMS}
    objects: list[dict[str, Any]] = [config]
    for server, (_, annotations) in servers.items():
        probe = {"tcpSocket": {"port": 8081}, "periodSeconds": 1}
        ports = [{"name": "http", "containerPort": 8080}, {"name": "grpc", "containerPort": 8081}]
        container = {"ports": ports, "readinessProbe": probe, "args": ["/in/server.py", server]}
        objects.append(deployment(server, 2, container, annotations))
        spec = {
            "selector": {"app": server},
            "ports": [{"name": each["name"], "port": each["containerPort"]} for each in ports],
        }
        objects.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": server}, "spec": spec})
    cluster.apply(*objects, namespace=namespace)
    for server in servers:
        cluster.ready_pods(namespace, f"app={server}", 2, 120)
    cluster.apply(deployment(CLIENT, 1, {"args": ["/in/client.py", *ways]}, {}), namespace=namespace)
    cluster.ready_pods(namespace, f"app={CLIENT}", 1, 120)
    yield Load(cluster, namespace, ways)


def deployment(name: str, replicas: int, container: dict[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    labels = {"app": name}
    app = {
        "name": name,
        "image": DEMO,
        "imagePullPolicy": "Never",
        "volumeMounts": [{"name": "in", "mountPath": "/in"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {names.INJECT: names.ENABLED, **annotations}},
                "spec": {
                    "containers": [{**app, **container}],
                    "volumes": [{"name": "in", "configMap": {"name": "programs"}}],
                },
            },
        },
    }
