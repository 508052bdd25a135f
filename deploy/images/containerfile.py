"""Reads the few instructions that our Containerfiles use; anything else is refused, rather than done differently. Pure.

build.py follows what is returned, so that an image from a file and one from a container build cannot drift apart.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LAYER = ("python3", "-m", "deploy.images.layer")
PREPARING = {"WORKDIR", "COPY"}  # of the build stage: they bring the project there; it is here already


class ContainerfileError(Exception):
    """A Containerfile says what is not understood here; `str()` is one line with the line's number."""


@dataclass(frozen=True)
class Layer:
    """One call of layer.py: which, the folder it is made in, and the rest of its words."""

    kind: str
    folder: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """What an image is: its layers from the lowest up, and its configuration as the image format spells it."""

    layers: tuple[Layer, ...]
    config: dict[str, Any] = field(default_factory=dict)


def parse(text: str) -> Recipe:
    """Return the recipe of a Containerfile with a build stage and a final stage from scratch."""
    made: dict[str, Layer] = {}
    used: list[Layer] = []
    config: dict[str, Any] = {}
    final = False
    for number, name, rest in _instructions(text):
        if name == "FROM":
            final = rest == "scratch"
        elif not final:
            if name == "RUN" and "deploy.images.layer" in rest:
                layer = _layer(number, rest)
                made[layer.folder] = layer
            elif not (name in PREPARING or (name == "RUN" and rest.startswith("apt-get "))):
                raise ContainerfileError(f"line {number}: {name} {rest}: not known in the build stage")
        elif name == "COPY":
            match = re.fullmatch(r"--from=build (/\S+?)/? /", rest)
            if match is None or match[1] not in made:
                raise ContainerfileError(f"line {number}: COPY {rest}: only a whole layer of the build stage, to /")
            used.append(made[match[1]])
        else:
            config |= _setting(number, name, rest)
    return Recipe(tuple(used), config)


def _layer(number: int, rest: str) -> Layer:
    words = tuple(shlex.split(rest))
    if words[: len(LAYER)] != LAYER or len(words) < len(LAYER) + 3:
        raise ContainerfileError(f"line {number}: RUN {rest}: {' '.join(LAYER)} KIND FOLDER WORD... and nothing else")
    kind, folder, *more = words[len(LAYER) :]
    return Layer(kind, folder, tuple(more))


def _setting(number: int, name: str, rest: str) -> dict[str, Any]:
    if name == "ENV":
        return {"Env": shlex.split(rest)}
    if name == "USER":
        return {"User": rest}
    if name == "WORKDIR":
        return {"WorkingDir": rest}
    if name == "ENTRYPOINT" and rest.startswith("["):
        return {"Entrypoint": json.loads(rest)}
    raise ContainerfileError(f"line {number}: {name} {rest}: not known in the final stage")


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.strip().partition(" ")
            if rest.endswith("\\"):
                raise ContainerfileError(f"line {number}: one line for each instruction")
            yield number, name, rest
