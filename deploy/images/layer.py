"""The layers of our images, as folders: Debian's packages, the wheels we stand on, and the project.

`python3 -m deploy.images.layer debian|wheels|project FOLDER WORD...`, from the project's root. The Containerfiles run
it in a build container; build.py runs the same lines on this machine. All Python is compiled, for the file system is
read-only where it runs; without times, so that the same sources are the same bytes.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.images import debian

PYTHON = "3.11"  # Debian's
OPTIMIZE = "2"  # PYTHONOPTIMIZE of the images: of many sidecars, none has to keep texts that nobody reads there
HOME = f"opt/meshtui/lib/python{PYTHON}/site-packages"
UID = 2102
USERS = f"root:x:0:0:root:/:/nonexistent\nmeshtui:x:{UID}:{UID}:meshtui:/tmp:/nonexistent\n"
GROUPS = f"root:x:0:\nmeshtui:x:{UID}:\n"
# What packages bring for their own scripts, which do not run, and parts of Python for people at a keyboard.
UNUSED = (
    "bin/tar",
    "sbin/start-stop-daemon",
    "usr/*bin/*deb*",
    "usr/*bin/dpkg*",
    "usr/*bin/rmt-tar",
    "usr/*bin/tarcat",
    "usr/*bin/update-*",
    "usr/bin/c_rehash",
    "usr/bin/openssl",
    "usr/lib/*/gconv",
    "usr/lib/*/perl*",
    "usr/lib/dpkg",
    "usr/share/debconf",
    "usr/share/dpkg",
    "usr/share/perl5",
    "usr/share/ca-certificates",
    f"usr/lib/python{PYTHON}/ensurepip",
    f"usr/lib/python{PYTHON}/lib2to3",
    f"usr/lib/python{PYTHON}/pydoc_data",
    f"usr/lib/python{PYTHON}/test",
)
CERTIFICATES = "usr/share/ca-certificates/mozilla"
# A pod has an account and reads no kubeconfig; the library that does weighs as much as everything else.
UNSHIPPED = ("__pycache__", "*.pyi", "*.proto", "kubeconfig.py")


class LayerError(Exception):
    """A layer cannot be made; `str()` says why and what to do."""


def make_debian(tree: Path, packages: Sequence[str]) -> None:
    """Unpack packages, and do what their scripts would have done that we need."""
    debian.unpack(packages, tree)
    (tree / "etc").mkdir(exist_ok=True)
    (tree / "etc/passwd").write_text(USERS)
    (tree / "etc/group").write_text(GROUPS)
    (tree / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    if (tree / CERTIFICATES).is_dir():
        texts = [path.read_text() for path in sorted((tree / CERTIFICATES).glob("*.crt"))]
        (tree / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        (tree / "etc/ssl/certs/ca-certificates.crt").write_text("".join(texts))
    for pattern in UNUSED:
        for path in tree.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    if (tree / f"usr/lib/python{PYTHON}").is_dir():
        _compile(tree)


def make_wheels(tree: Path, requirements: Sequence[str]) -> None:
    """Install wheels into a virtual environment of the Python that the Debian layer has, pinned as everywhere."""
    environment = tree / "opt/meshtui"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin/python").symlink_to(f"/usr/bin/python{PYTHON}")
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    fitting = ["--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp"]
    _run([*pip, *fitting, "--constraint", "constraints.txt", "--target", str(tree / HOME), *requirements])
    shutil.rmtree(tree / HOME / "bin", ignore_errors=True)  # commands of this machine's Python
    _compile(tree)


def make_project(tree: Path, folders: Sequence[str]) -> None:
    """Copy packages of this project."""
    for folder in folders:
        shutil.copytree(folder, tree / HOME / folder, ignore=shutil.ignore_patterns(*UNSHIPPED))
    _compile(tree)


LAYERS: dict[str, Callable[[Path, Sequence[str]], None]] = {
    "debian": make_debian,
    "wheels": make_wheels,
    "project": make_project,
}


def _compile(tree: Path) -> None:
    python = shutil.which(f"python{PYTHON}")
    if python is None:
        raise LayerError(f"python{PYTHON} is missing: the images hold what it compiles; build where Debian 12 is")
    how = ["-q", "-o", OPTIMIZE, "--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", "/"]
    _run([python, "-I", "-m", "compileall", *how, str(tree)])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LayerError(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()[-1500:]}")


def main(words: Sequence[str]) -> int:
    """Make one layer; returns the exit status."""
    if len(words) < 3 or words[0] not in LAYERS:
        print(f"usage: python3 -m deploy.images.layer {'|'.join(LAYERS)} FOLDER WORD...", file=sys.stderr)
        return 2
    try:
        LAYERS[words[0]](Path(words[1]), words[2:])
    except (LayerError, debian.DebianError) as error:
        print(f"layer {words[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
