"""A local mesh of a test's own workloads, started with the command line as a user would, and where a test dials in.

The peers tier builds on it. A workload may be a program, or `inside`: an application that the test itself runs on a
port that was chosen beforehand, so that it sees every byte. The workload `caller` has every other one as its upstream.
"""

import json
import os
import random
import shutil
import socket
import sys
import tempfile
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import yaml

from tests.support.shell import Shell, eventually

NAMESPACE = "peers"
_TELL = "import json, os, time; json.dump(dict(os.environ), open('caller.json', 'w')); time.sleep(1e6)"
# Listens until the mesh is up, then leaves the port to the test.
_STAND_IN = """
import os, socket, time
with socket.create_server(("127.0.0.1", int(os.environ["PORT"]))):
    while not os.path.exists("is-up"):
        time.sleep(0.02)
time.sleep(1e6)
"""


def free_port() -> int:
    """Return a port that nobody listens on, outside the range that clients are given."""
    while True:
        port = random.randrange(14_000, 19_000)
        if _free(port):
            return port


def free_ports(count: int) -> list[int]:
    """Return ports as free_port does, all different."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)


def _free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def inside(port: int, **more: Any) -> dict[str, Any]:
    """Return a workload whose application is the test."""
    return {"command": [sys.executable, "-c", _STAND_IN], "ports": {"main": port}, **more}


class Local:
    """The mesh, up between `with` and its end."""

    def __init__(self, workloads: dict[str, dict[str, Any]], caller: dict[str, Any] | None = None) -> None:
        # A socket's path has little room: pytest's own folders are too deep.
        self.home = Path(tempfile.mkdtemp(prefix="mt-", dir="/tmp"))
        self.shell = Shell(self.home)
        named = [{"name": name, **workload} for name, workload in workloads.items()]
        first = {
            "name": "caller",
            "command": [sys.executable, "-c", _TELL],
            "upstreams": list(workloads),
            "proxy": True,
        }
        document = {"name": "peers", "namespace": NAMESPACE, "workloads": [*named, {**first, **(caller or {})}]}
        (self.home / "mesh.yaml").write_text(yaml.safe_dump(document))
        self._inside = [
            workload["ports"]["main"] for workload in workloads.values() if _STAND_IN in workload["command"]
        ]
        self._outbound: dict[str, int] = {}

    def __enter__(self) -> Self:
        self.shell.run("up", str(self.home / "mesh.yaml"), "--detach")
        self._instances = {each["pod"]: each for each in json.loads(self.shell.run("ps", "-o", "json"))["instances"]}
        (self.home / "is-up").touch()
        told = self.home / "caller.json"
        assert eventually(lambda: told.exists() and told.stat().st_size > 0 and all(map(_free, self._inside)), 60)
        for name, value in json.loads(told.read_text()).items():
            if name.endswith("_ADDR"):
                self._outbound[name.removesuffix("_ADDR").lower()] = int(value.rpartition(":")[2])
            elif name == "MESHTUI_PROXY":
                self._outbound["proxy"] = int(value.rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.shell.run("down")
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    def outbound(self, name: str) -> int:
        """Return the port where the caller dials an upstream; `proxy` is the sidecar's proxy port."""
        return self._outbound[name.replace("-", "_")]

    def inbound(self, name: str) -> int:
        """Return the port where a workload's sidecar listens: what an unmeshed client dials."""
        port: int = self._instances[f"{name}-0"]["ports"][0]["mesh"]
        return port

    def pid(self, name: str) -> int:
        """Return the process of a workload's sidecar."""
        pid: int = self._instances[f"{name}-0"]["proxy_pid"]
        return pid

    def resident(self, name: str) -> int:
        """Return how many bytes of memory a workload's sidecar holds."""
        pages = Path(f"/proc/{self.pid(name)}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def metrics(self, name: str) -> str:
        """Return what a workload's sidecar says of itself."""
        port = self._instances[f"{name}-0"]["admin"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def log(self, name: str) -> str:
        """Return the log of a workload's sidecar."""
        return self.shell.run("logs", name, "--proxy", "--tail", "50")
