"""Builds the programs from their pinned modules: `kube` (a Kubernetes in one file) and what goes with it.

Called by `python -m tests.cluster.tools`. A change of this file builds everything anew: nothing else belongs here.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
KWOK = "sigs.k8s.io/kwok"
# kwok brings its stages as files of its module, not in the program, which stops without them.
STAGES = (
    "node/fast/node-initialize",
    "node/heartbeat-with-lease/node-heartbeat-with-lease",
    "pod/fast/pod-ready",
    "pod/fast/pod-complete",
    "pod/fast/pod-delete",
)


class BuildError(Exception):
    """A program cannot be built; `str()` says why and what to do."""


def build(into: Path) -> Iterator[str]:
    """Build everything, and give the name of each step before it begins."""
    yield "kube: etcd, API server, controllers, scheduler, kubelet, kube-proxy and kubectl (minutes, the first time)"
    _go("build", "-trimpath", "-ldflags", f"-s -w {_version()}", "-o", str(into / "kube"), ".", module="kube")
    for name in COMPONENTS:
        (into / name).symlink_to("kube")
    yield "pause"
    _go("build", "-trimpath", "-ldflags", "-s -w", "-o", str(into / "pause"), ".", module="pause")
    yield "coredns"
    _go("build", "-trimpath", "-ldflags", "-s -w", "-o", str(into / "coredns"), ".", module="dns")
    yield "kwok"
    _go("build", "-trimpath", "-ldflags", "-s -w", "-o", str(into / "kwok"), f"{KWOK}/cmd/kwok", module="kwok")
    stages = Path(_module(KWOK, "kwok")["Dir"], "kustomize/stage")
    texts = [(stages / f"{name}.yaml").read_text() for name in STAGES]
    (into / "kwok-stages.yaml").write_text("".join(f"---\n{text.strip()}\n" for text in texts))


def _version() -> str:
    """Return linker flags with the version, or the API server would call itself v0.0.0-master."""
    version = _module("k8s.io/kubernetes", "kube")["Version"]
    major, minor = re.findall(r"\d+", version)[:2]
    base = "k8s.io/component-base/version"
    values = {
        f"{base}.gitVersion": version,
        f"{base}.gitMajor": major,
        f"{base}.gitMinor": minor,
        f"{base}.gitTreeState": "clean",
        f"{base}.buildDate": "1970-01-01T00:00:00Z",
        "k8s.io/client-go/pkg/version.gitVersion": version,
    }
    return " ".join(f"-X {name}={value}" for name, value in values.items())


def _module(path: str, module: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_go("list", "-m", "-json", path, module=module))
    return found


def _go(verb: str, *words: str, module: str) -> str:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise BuildError("Go is missing, 1.26 or newer: https://go.dev/dl")
    # Without cgo: static files, which run in an empty image too. Two compilers at once: the largest takes 2.4 GB.
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "0"}
    parallel = ["-p", "2"] if verb == "build" else []
    done = subprocess.run(
        ["nice", "-n", "5", go, verb, *parallel, *words],
        cwd=HERE / module,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"go {verb} in tests/cluster/tools/{module}: {done.stderr.strip()[-2000:]}")
    return done.stdout
