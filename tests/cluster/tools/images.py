"""Images that pods of the tests use, beside our own: `pause`, `tools` (busybox with a shell and iptables), `databases`.

Called by `python -m tests.cluster.tools`. Tags other than `latest`, so that no kubelet looks for them elsewhere.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.images import archive, debian

PAUSE = "cluster.test/pause:1"
TOOLS = "cluster.test/tools:1"
DATABASES = "cluster.test/databases:1"
POSTGRES = "/usr/lib/postgresql/15/bin"
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
# Neither a compiler for queries nor Perl is used: two thirds of what the packages bring.
UNUSED = (
    "usr/lib/*/libLLVM*",
    "usr/lib/*/libz3*",
    "usr/lib/*/libperl*",
    "usr/lib/*/perl*",
    "usr/lib/postgresql/*/lib/bitcode",
    "usr/share/perl*",
    "usr/share/i18n",
)
USERS = (
    "root:x:0:0:root:/:/bin/sh\npostgres:x:999:999:postgres:/tmp:/bin/sh\n"  # PostgreSQL wants its user to have a name
)


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
        for name in ("iptables", "ip6tables"):
            (tree / "usr/sbin" / name).symlink_to(f"{name}-nft")
        _shell(tree)
        _image(into / "tools.tar", TOOLS, tree, ["/bin/sh"])
        yield "image databases: Debian's Redis and PostgreSQL, with their clients"
        tree = Path(temporary, "databases")
        debian.unpack(["redis-server", "redis-tools", "postgresql-15", "busybox-static"], tree)
        for path in [path for pattern in UNUSED for path in tree.glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (tree / "etc/passwd").write_text(USERS)
        _shell(tree)
        _image(into / "databases.tar", DATABASES, tree, ["/bin/sh"])


def _shell(tree: Path) -> None:
    """Make the links that the packages' own scripts would make; they do not run."""
    listed = subprocess.run([tree / "bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout
    for name in listed.split():
        if not os.path.lexists(tree / "bin" / name):
            (tree / "bin" / name).symlink_to("busybox")


def _image(out: Path, name: str, tree: Path, entrypoint: list[str]) -> None:
    layer = tree.with_suffix(".tar")
    archive.write_layer(tree, layer)
    archive.write_image(out, name, [layer], {"Entrypoint": entrypoint, "Env": [PATH]})
    layer.unlink()
