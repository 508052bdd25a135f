"""The mesh's control plane as a process beside a cluster: what a pod of it would run, dialled over loopback.

The API server reaches it as it would reach the pod: webhooks by URL, the aggregated API by a Service that stands for
this machine. Everything else is as `meshtui install` makes it.
"""

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meshcore.inject import names
from meshcore.inject.settings import Addresses, Images, Settings, write
from meshcore.services.identity import authority
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.control import free_port
from tests.cluster.support.wait import until

NAMESPACE = "meshtui"
DOMAIN = "cluster.local"
START_S = 40.0


class Mesh:
    """One control plane; `ports` says where its doors are."""

    def __init__(self, cluster: Cluster, folder: Path, kubeconfig: Path | None = None) -> None:
        self.cluster = cluster
        self.folder = folder
        self.kubeconfig = kubeconfig or cluster.plane.admin
        self.ports = {door: free_port() for door in ("identity", "control", "observe", "webhook", "admin")}
        self.process: subprocess.Popen[bytes] | None = None
        self.ca = folder / "ca"
        self.ca.mkdir(parents=True)
        now = datetime.now(UTC)
        anchor, anchor_key = authority.create_anchor(NAMESPACE, now)
        issuer, key = authority.create_issuer(NAMESPACE, anchor, anchor_key, now)
        self.anchors = authority.pem(anchor).decode()
        (self.ca / "anchors.pem").write_text(self.anchors)
        (self.ca / "issuer.pem").write_bytes(authority.pem(issuer))
        (self.ca / "issuer.key").write_bytes(authority.key_pem(key))

    @property
    def settings(self) -> Settings:
        return Settings(
            trust_domain=DOMAIN,
            images=Images(agents="meshtui/agents:test", controller="meshtui/controller:test"),
            addresses=Addresses(
                identity=f"127.0.0.1:{self.ports['identity']}", control=f"127.0.0.1:{self.ports['control']}"
            ),
        )

    def install(self) -> None:
        """Make the objects that lead to it."""
        self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.configure(write(self.settings))
        self.cluster.apply(*self._objects(), namespace=NAMESPACE)

    def configure(self, document: str) -> None:
        """Write the settings."""
        config = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": names.CONFIG_MAP},
            "data": {names.CONFIG_KEY: document},
        }
        self.cluster.apply(config, namespace=NAMESPACE)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [
            sys.executable, "-m", "meshcore", "--home", "kubernetes", "--dir", str(self.folder), "--ca", str(self.ca),
            "--namespace", NAMESPACE, "--kubeconfig", str(self.kubeconfig), "--listen", "127.0.0.1",
            "--dns-name", "localhost", "--log-level", "info",
        ]  # fmt: skip
        for door, port in self.ports.items():
            command += ["--port", f"{door}={port}"]
        with (self.folder / "controller.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.is_ready, START_S, f"the control plane; its log is {self.folder}/controller.log")

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "controller.log").read_text()[-2000:]
        return self.admin("/ready")[0] == 200

    def admin(self, path: str) -> tuple[int, str]:
        """Return status and text of a page of the admin port; 0 where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['admin']}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def log(self) -> list[dict[str, Any]]:
        """Return what it logged."""
        lines = (self.folder / "controller.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def end(self, *, kill: bool = False) -> None:
        """End it, politely or not."""
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(20)
            self.process = None

    def close(self) -> None:
        """End it and take its objects away."""
        self.end()
        for kind, name in (
            ("apiservice", "v1alpha1.observe.meshtui.dev"),
            ("mutatingwebhookconfiguration", "meshtui-injector"),
        ):
            self.cluster.kubectl("delete", kind, name, "--ignore-not-found", "--wait=false")

    def _objects(self) -> Iterator[dict[str, Any]]:
        bundle = base64.b64encode(self.anchors.encode()).decode()
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "meshtui-observe"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": self.ports["observe"]}]},
        }
        yield {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1alpha1.observe.meshtui.dev"},
            "spec": {
                "group": "observe.meshtui.dev",
                "version": "v1alpha1",
                "groupPriorityMinimum": 1000,
                "versionPriority": 15,
                "caBundle": bundle,
                "service": {"namespace": NAMESPACE, "name": "meshtui-observe", "port": self.ports["observe"]},
            },
        }
        yield {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "meshtui-injector"},
            "webhooks": [
                {
                    "name": "injector.mesh.meshtui.dev",
                    "clientConfig": {"url": f"https://localhost:{self.ports['webhook']}/mutate", "caBundle": bundle},
                    "rules": [
                        {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
                    ],
                    "failurePolicy": "Ignore",
                    "sideEffects": "NoneOnDryRun",
                    "admissionReviewVersions": ["v1"],
                    "timeoutSeconds": 10,
                    "namespaceSelector": {
                        "matchExpressions": [
                            {
                                "key": "kubernetes.io/metadata.name",
                                "operator": "NotIn",
                                "values": ["kube-system", NAMESPACE],
                            }
                        ]
                    },
                }
            ],
        }


@contextmanager
def mesh(cluster: Cluster, folder: Path) -> Iterator[Mesh]:
    """A control plane that runs, with all that leads to it."""
    found = Mesh(cluster, folder)
    try:
        found.install()
        found.start()
        yield found
    finally:
        found.close()
