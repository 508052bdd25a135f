"""Images that pods of the tests use, beside our own: `pause`, and `tools` (busybox with a shell and iptables).

Called by `python -m tests.cluster.tools`. Tags other than `latest`, so that no kubelet looks for them elsewhere.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.images import archive, debian

PAUSE = "cluster.test/pause:1"
TOOLS = "cluster.test/tools:1"
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"


def build(programs: Path, into: Path) -> Iterator[str]:
    """Build the images, and give the name of each step before it begins."""
    with tempfile.TemporaryDirectory(dir=into) as temporary:
        yield "image pause"
        tree = Path(temporary, "pause")
        tree.mkdir()
        shutil.copy2(programs / "pause", tree / "pause")
        _image(into / "pause.tar", PAUSE, tree, ["/pause"])
        yield "image tools: Debian's busybox and iptables"
        tree = Path(temporary, "tools")
        debian.unpack(["iptables", "busybox-static"], tree)
        _links(tree)
        _image(into / "tools.tar", TOOLS, tree, ["/bin/sh"])


def _links(tree: Path) -> None:
    """Make the links that the packages' own scripts would make; they do not run."""
    for name in ("iptables", "ip6tables"):
        (tree / "usr/sbin" / name).symlink_to(f"{name}-nft")
    listed = subprocess.run([tree / "bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout
    for name in listed.split():
        if name != "busybox":
            (tree / "bin" / name).symlink_to("busybox")


def _image(out: Path, name: str, tree: Path, entrypoint: list[str]) -> None:
    layer = tree.with_suffix(".tar")
    archive.write_layer(tree, layer)
    archive.write_image(out, name, [layer], {"Entrypoint": entrypoint, "Env": [PATH]})
    layer.unlink()
