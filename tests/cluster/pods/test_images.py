"""Our images do in a pod what they are for: with the least rights, a read-only file system, and no shell."""

import json
from typing import Any

import pytest

from meshcore.wire.version import VERSION
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.images import AGENTS, CONTROLLER
from tests.cluster.support.wait import until
from tests.cluster.tools.images import TOOLS

pytestmark = pytest.mark.usefixtures("our_images")

PYTHON = ["/opt/meshtui/bin/python", "-P", "-c"]
# Imports every module of the packages named, and tells who it is and which modules are compiled at each start.
PROGRAM = """
import importlib, importlib.util, json, os, pkgutil, sys
for top in sys.argv[1:]:
    for _, name, _ in pkgutil.walk_packages(importlib.import_module(top).__path__, top + "."):
        if not name.endswith("__main__"):
            importlib.import_module(name)
paths = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
files = [path for path in paths if path.endswith(".py")]
print(json.dumps({
    "loaded": len(files),
    "not compiled": [path for path in files if not os.path.exists(importlib.util.cache_from_source(path))],
    "who": [os.getuid(), os.getgid()],
    "may write": os.access("/", os.W_OK),
    "shell": os.path.exists("/bin/sh"),
}))
"""


def confined(*capabilities: str, root: bool = False) -> dict[str, Any]:
    """Return what a pod of a restricted namespace says, but for the capabilities."""
    user = {"runAsUser": 0, "runAsNonRoot": False} if root else {"runAsNonRoot": True}
    return {
        **user,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": list(capabilities)},
    }


def pod(name: str, *containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": list(containers), **more}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def ended(cluster: Cluster, namespace: str, name: str) -> str:
    """Wait for a pod to have ended, and return what it said."""

    def phase() -> str | None:
        now = cluster.core.read_namespaced_pod(name, namespace).status.phase
        return now if now in {"Succeeded", "Failed"} else None

    found = until(phase, 60, f"pod {name} to end")
    said = cluster.kubectl("logs", name, "-n", namespace)
    assert found == "Succeeded", said
    return said


@pytest.mark.parametrize(("image", "packages"), [(AGENTS, ["agents", "meshcore"]), (CONTROLLER, ["meshcore"])])
def test_every_module_is_there_and_compiled(cluster: Cluster, namespace: str, image: str, packages: list[str]) -> None:
    container = {"name": "app", "image": image, "securityContext": confined()}
    cluster.apply(pod("modules", {**container, "command": [*PYTHON, PROGRAM, *packages]}), namespace=namespace)
    said = json.loads(ended(cluster, namespace, "modules"))
    assert said.pop("loaded") > 300
    assert said == {"not compiled": [], "who": [2102, 2102], "may write": False, "shell": False}


def test_the_controller_says_its_version(cluster: Cluster, namespace: str) -> None:
    container = {"name": "app", "image": CONTROLLER, "args": ["--version"], "securityContext": confined()}
    cluster.apply(pod("version", container), namespace=namespace)
    assert ended(cluster, namespace, "version").strip() == VERSION


def test_a_sidecar_without_a_configuration_says_so(cluster: Cluster, namespace: str) -> None:
    container = {"name": "app", "image": AGENTS, "args": ["sidecar"], "securityContext": confined()}
    cluster.apply(pod("sidecar", container), namespace=namespace)
    with pytest.raises(AssertionError, match="--config"):
        ended(cluster, namespace, "sidecar")


def test_redirect_writes_rules_with_two_capabilities(cluster: Cluster, namespace: str) -> None:
    run = {"name": "run", "emptyDir": {"medium": "Memory"}}
    redirect = {
        "name": "redirect",
        "image": AGENTS,
        "args": ["redirect"],
        "securityContext": confined("NET_ADMIN", "NET_RAW", root=True),
        "volumeMounts": [{"name": "run", "mountPath": "/run"}],
    }
    rules = {
        "name": "rules",
        "image": TOOLS,
        "command": ["iptables", "-t", "nat", "-S"],
        "securityContext": confined("NET_ADMIN", "NET_RAW", root=True),
        "volumeMounts": redirect["volumeMounts"],
    }
    cluster.apply(pod("rules", rules, initContainers=[redirect], volumes=[run]), namespace=namespace)
    written = ended(cluster, namespace, "rules").splitlines()
    assert "-A PREROUTING -p tcp -j MESHTUI_INBOUND" in written
    assert any("--to-ports 4140" in rule for rule in written)
