"""The images bring every library that the code in them imports, and none that it does not."""

import ast
import gc
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from deploy.images.containerfile import parse
from deploy.images.layer import UNSHIPPED

ROOT = Path(__file__).resolve().parents[2]


def imported(path: Path) -> set[str]:
    """Return the first names of all that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
    return found


def providers(name: str) -> set[str]:
    """Return the distributions that have a module of this name."""
    return {each.lower().replace("_", "-") for each in packages_distributions().get(name, [name])}


@pytest.fixture(autouse=True)
def nothing_collected() -> Iterator[None]:
    """A collection may have another test's garbage say its traceback, which is parsed while we parse: SystemError.

    CPython 3.11 counts the depth of both as one (gh-106905).
    """
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("image", ["agents", "controller"])
def test_libraries_are_those_imported(image: str) -> None:
    layers = {
        layer.kind: layer.words for layer in parse((ROOT / f"deploy/images/{image}.Containerfile").read_text()).layers
    }
    shipped = [
        path for folder in layers["project"] for path in (ROOT / folder).rglob("*.py") if path.name not in UNSHIPPED
    ]
    names = set().union(*map(imported, shipped)) - set(sys.stdlib_module_names) - {"agents", "meshcore"}
    wheels = set(layers["wheels"])
    missing = {name for name in names if not wheels & providers(name)}
    assert not missing, f"deploy/images/{image}.Containerfile: the wheels lack {sorted(missing)}"
    unused = wheels - set().union(*map(providers, names))
    assert not unused, f"deploy/images/{image}.Containerfile: nothing imports {sorted(unused)}"
