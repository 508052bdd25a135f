"""Programs that a test tier needs beside Python: found, or the tier is skipped with what to install.

Under MESHTUI_REQUIRE_TIERS=all, as CI sets it, what is missing is a failure.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

GO = Path(__file__).resolve().parents[1] / "peers/go"


def need(program: str, package: str) -> str:
    """Return the path of a program, or skip the test with the Debian package that has it."""
    found = shutil.which(program)
    if found is None:
        absent(f"{program} is missing: apt-get install {package}")
    return found


def need_go(package: str) -> str:
    """Return the path of a Go program that tests/peers/go pins or has, built once per set of versions and sources."""
    name = package.rpartition("/")[2]
    if name.upper() in os.environ:
        return os.environ[name.upper()]
    digest = hashlib.sha256()
    for source in (GO / "go.mod", GO / "go.sum", *sorted((GO / name).glob("*.go"))):
        digest.update(source.read_bytes())
    built = Path.home() / ".cache/meshtui/go" / digest.hexdigest()[:12] / name
    if not built.exists():
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        if go is None:
            absent(f"{name} is missing, and Go to build it: https://go.dev/dl, or {name.upper()}=PATH")
        partial = built.with_name(f"{name}.{os.getpid()}")
        done = subprocess.run(
            [go, "build", "-o", str(partial), package], cwd=GO, capture_output=True, text=True, timeout=280, check=False
        )
        if done.returncode:
            absent(f"{name} cannot be built: {done.stderr.strip()[-300:]}")
        partial.rename(built)
    return str(built)


def absent(reason: str) -> NoReturn:
    """Skip the test for a missing tool, or fail it where no tier may be skipped."""
    if os.environ.get("MESHTUI_REQUIRE_TIERS") == "all":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
