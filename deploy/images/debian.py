"""A root file system of a few Debian packages: unpacked, not installed, so that it has no shell or package manager.

`mmdebstrap` resolves and checks them with apt, from the mirrors that this machine is configured for. Called by build.py
beside it, in a container build or without one, and by the test clusters.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

SUITE = "bookworm"
SUITES = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
APT = Path("/etc/apt")
# What nobody reads in a container, and what mmdebstrap copies from this machine.
UNREAD = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "var",
    "etc/init.d",
)
OURS = ("etc/apt", "etc/dpkg", "etc/fstab", "etc/hostname", "etc/resolv.conf")


class DebianError(Exception):
    """The packages cannot be had; `str()` says why."""


def unpack(packages: Sequence[str], tree: Path) -> None:
    """Unpack packages and what they depend on into a new folder."""
    tool = shutil.which("mmdebstrap")
    if tool is None:
        raise DebianError("mmdebstrap is missing: apt-get install mmdebstrap")
    with tempfile.TemporaryDirectory() as temporary:
        files = []
        for suffix, text in mirrors():
            files.append(Path(temporary, f"mirrors{suffix}"))
            files[-1].write_text(text)
        # Unpacked as a tar and not into the folder, for which mmdebstrap would mount what a build container may not.
        command = [tool, "--quiet", "--variant=extract", f"--include={','.join(packages)}", "--format=tar"]
        archive = Path(temporary, "rootfs.tar")
        done = subprocess.run(
            [*command, SUITE, str(archive), *map(str, files)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DebianError(f"mmdebstrap: {done.stderr.strip()[-600:]}")
        tree.mkdir(parents=True)
        subprocess.run(
            ["tar", "--extract", "--no-same-owner", "--exclude=./dev/*", "-f", archive, "-C", tree], check=True
        )
    for each in (*UNREAD, *OURS):
        path = tree / each
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name, mode in (("tmp", 0o1777), ("run", 0o755), ("proc", 0o755), ("sys", 0o755), ("dev", 0o755)):
        (tree / name).mkdir(exist_ok=True)
        (tree / name).chmod(mode)


def mirrors() -> Iterator[tuple[str, str]]:
    """Give this machine's apt sources of the suite, by style; with none, mmdebstrap has a mirror of its own."""
    lines, stanzas = [], []
    for path in (APT / "sources.list", *sorted((APT / "sources.list.d").glob("*.list"))):
        if path.is_file():
            lines += [
                line for line in path.read_text().splitlines() if _is_wanted(re.sub(r"\[.*?\]", "", line).split())
            ]
    for path in sorted((APT / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.*)$", stanza, re.MULTILINE))
            types, suites = fields.get("Types", "").split(), fields.get("Suites", "").split()
            if "deb" in types and SUITES & set(suites) and "main" in fields.get("Components", "").split():
                stanzas.append(stanza.strip())
    if lines:
        yield ".list", "\n".join(lines) + "\n"
    if stanzas:
        yield ".sources", "\n\n".join(stanzas) + "\n"


def _is_wanted(words: list[str]) -> bool:
    return words[:1] == ["deb"] and len(words) > 3 and words[2] in SUITES and "main" in words[3:]
