"""The cluster's programs, found as envtest finds them, or the test is skipped with how to get them.

TEST_ASSET_KUBE_APISERVER and its like name one program, KUBEBUILDER_ASSETS a folder of them; without these it is the
cache of `make cluster-tools`, then envtest's own default.
"""

import os
from pathlib import Path

from tests.cluster.tools.images import DATABASES, PAUSE, TOOLS
from tests.cluster.tools.store import IMAGES, PROGRAMS
from tests.support.tools import absent

DEFAULT = Path("/usr/local/kubebuilder/bin")
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok")
IMAGE_FILES = {PAUSE: "pause.tar", TOOLS: "tools.tar", DATABASES: "databases.tar"}


def find_program(name: str) -> Path | None:
    """Return the path of a program of the cluster, if it is here."""
    asked = os.environ.get(f"TEST_ASSET_{name.upper().replace('-', '_')}")
    if asked:
        return Path(asked)
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    folders = [*([Path(assets)] if assets else []), PROGRAMS.folder, DEFAULT]
    return next((folder / name for folder in folders if (folder / name).exists()), None)


def need_program(name: str) -> str:
    """Return the path of a program of the cluster, or skip the test."""
    found = find_program(name)
    if found is None:
        absent(f"{name} is missing: make cluster-tools, or KUBEBUILDER_ASSETS=FOLDER")
    return str(found)


def need_control_plane() -> None:
    """Skip the test where a program of the control plane is missing."""
    for name in CONTROL_PLANE:
        need_program(name)


def need_image(name: str) -> Path:
    """Return the file of an image for pods of the tests."""
    path = IMAGES.folder / IMAGE_FILES[name]
    if not path.exists():
        absent(f"the image {name} is missing: make cluster-tools")
    return path


def need_stages() -> Path:
    """Return kwok's stages: what its nodes and pods do, and when."""
    path = Path(need_program("kwok")).with_name("kwok-stages.yaml")
    if not path.exists():
        absent(f"{path} is missing: make cluster-tools")
    return path
