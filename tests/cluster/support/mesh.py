"""The mesh's control plane as a process beside a cluster: what a pod of it would run, dialled over loopback.

The API server reaches it as it would reach the pod: webhooks by URL, the aggregated API by a Service that stands for
this machine. Everything else is as `meshtui install` makes it.
"""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from meshcore.inject import names
from meshcore.inject.settings import Addresses, Images, Settings, write
from meshcore.kinds.table import GROUP
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.control import free_port
from tests.cluster.support.wait import until

BASE = Path(__file__).resolve().parents[3] / "deploy" / "base"
NAMESPACE = "meshtui"
OBSERVE = "v1alpha1.observe.meshtui.dev"
DOMAIN = "cluster.local"
START_S = 120.0


class Mesh:
    """One control plane; `ports` says where its doors are, and `shown` where those of them that are led to another way.

    With `pod`, it is one of several replicas: the one of that name (replicas.py).
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        pod: str = "",
        shown: Mapping[str, int] | None = None,
        through: str = "",
    ) -> None:
        self.cluster = cluster
        self.through = through  # a way to the API server of its own
        self.folder = folder
        self.pod = pod
        self.ports = {door: free_port() for door in ("identity", "control", "observe", "webhook", "admin")}
        self.shown = {**self.ports, **(shown or {})}
        self.speaks: tuple[int, int] | None = None  # as another version would; see versions.py
        self.brief = 0  # seconds that a watch lasts, where not minutes; see brief.py
        self.process: subprocess.Popen[bytes] | None = None
        self.kubeconfig = Path()

    @property
    def settings(self) -> Settings:
        return Settings(
            trust_domain=DOMAIN,
            images=Images(agents="meshtui/agents:test", controller="meshtui/controller:test"),
            addresses=Addresses(
                identity=f"127.0.0.1:{self.shown['identity']}", control=f"127.0.0.1:{self.shown['control']}"
            ),
        )

    @property
    def anchors(self) -> str:
        """The trust anchors that the control plane made, as PEM."""
        found = self.cluster.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{names.ANCHORS_MAP}")
        return str(found["data"][names.ANCHORS_KEY])

    def install(self) -> None:
        """Apply deploy/base, but for what runs in pods, and lead the API server here; the process is a pod's equal."""
        until(self._nothing_ends, 300, "the kinds of an earlier mesh to be gone")
        text = yaml.safe_dump_all(self.objects())
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
        self.configure(write(self.settings))
        way = {"cluster": {"server": self.through}} if self.through else {}
        self.kubeconfig = self.cluster.account(NAMESPACE, "meshtui-controller", **way)

    def _nothing_ends(self) -> bool:
        """Say whether no kind of ours is on its way out: what is applied to one that is goes with it."""
        found = self.cluster.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
        ours = [each for each in found if each["spec"]["group"] == GROUP]
        return not any("deletionTimestamp" in each["metadata"] for each in ours)

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
        self.launch()
        until(self.is_ready, START_S, f"the control plane; its log is {self.folder}/controller.log")
        until(self.is_reached, START_S, "the API server's word that it reaches the control plane")

    def launch(self) -> None:
        """Start its process."""
        command = self.command()
        for door, port in self.ports.items():
            command += ["--port", f"{door}={port}"]
        with (self.folder / "controller.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def command(self) -> list[str]:
        """Return what starts it, but for its ports."""
        return [
            *self._module(), "--home", "kubernetes", "--dir", str(self.folder),
            "--namespace", NAMESPACE, "--kubeconfig", str(self.kubeconfig), "--listen", "127.0.0.1",
            "--dns-name", "localhost", "--log-level", "info", *(("--pod", self.pod) if self.pod else ()),
        ]  # fmt: skip

    def _module(self) -> list[str]:
        if self.brief:
            return [sys.executable, "-m", "tests.cluster.support.brief", str(self.brief)]
        return module("meshcore", self.speaks)

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "controller.log").read_text()[-2000:]
        return self.admin("/ready")[0] == 200

    def is_reached(self) -> bool:
        return is_reached(self.cluster)

    def admin(self, path: str) -> tuple[int, str]:
        """Return status and text of a page of the admin port; 0 where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['admin']}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def log(self) -> list[dict[str, Any]]:
        """Return what it logged."""
        lines = (self.folder / "controller.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Have it do nothing for a while, its connections open."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def end(self, *, kill: bool = False) -> None:
        """End it, politely or not."""
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(20)
            self.process = None

    def close(self) -> None:
        """End it and take its objects away."""
        self.end()
        for each in reversed(list(self.objects())):
            if each["metadata"].get("namespace") != NAMESPACE:
                self.cluster.kubectl("delete", "-f", "-", "--ignore-not-found", "--timeout=60s", stdin=json.dumps(each))

    def objects(self) -> Iterator[dict[str, Any]]:
        kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
        for file in kustomization["resources"]:
            for each in yaml.safe_load_all((BASE / file).read_text()):
                yield from self._here(each)

    def _here(self, each: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield an object as it is, or as it has to be for a control plane that is no pod."""
        name = each["metadata"]["name"]
        if each["kind"] in ("Deployment", "ConfigMap") or (each["kind"] == "Service" and name != "meshtui-observe"):
            return
        if name == "meshtui-observe":
            ports = [{"name": "https", "port": self.shown["observe"]}]
            each["spec"] = {"type": "ExternalName", "externalName": "localhost", "ports": ports}
        elif each["kind"] == "APIService":
            each["spec"]["service"]["port"] = self.shown["observe"]
        elif each["kind"].endswith("WebhookConfiguration"):
            for hook in each["webhooks"]:
                path = hook["clientConfig"].pop("service")["path"]
                hook["clientConfig"]["url"] = f"https://localhost:{self.ports['webhook']}{path}"
        yield each


def is_reached(cluster: Cluster) -> bool:
    """Whether the API server says that it can ask the control plane; it looks now and then."""
    found = cluster.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{OBSERVE}")
    conditions = (found.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)


def module(name: str, speaks: tuple[int, int] | None) -> list[str]:
    """Return the command of a module of ours, as it is or as another version of it would be."""
    if speaks is None:
        return [sys.executable, "-m", name]
    return [sys.executable, "-m", "tests.cluster.support.versions", *map(str, speaks), name]


@contextmanager
def mesh(cluster: Cluster, folder: Path, through: str = "", brief: int = 0) -> Iterator[Mesh]:
    """A control plane that runs, with all that leads to it; `through` is where it finds the API server."""
    found = Mesh(cluster, folder, through=through)
    found.brief = brief
    try:
        found.install()
        found.start()
        yield found
    finally:
        found.close()
