"""A YAML file as plain values that still know their lines, so that an error can name the place.

Read by spec. Scalars are YAML 1.2's: `on`, `010` and `12:30` are text. Keys given twice are found here, since
they are gone in plain values.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Where = tuple[str | int, ...]  # keys and indexes from the top: ("workloads", 0, "name")

MAX_BYTES = 1 << 20
MAX_VALUES = 50_000  # aliases of aliases grow beyond any memory
_INT = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file: where, what, and what to do."""

    file: str
    line: int
    where: Where
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        named = f"{place}: {dotted(self.where)}" if self.where else place
        return f"{named}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


class SpecError(Exception):
    """A file that cannot be used, with every fault found in it; `str()` is one line per fault."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(slots=True)
class Document:
    """The values of a file, the line and text of each, and keys that occur twice."""

    file: str
    value: Any = None
    lines: dict[Where, int] = field(default_factory=dict)
    texts: dict[Where, str] = field(default_factory=dict)  # scalars as they stand in the file
    twice: list[tuple[Where, int]] = field(default_factory=list)

    def line(self, where: Where) -> int:
        """Return the line of a value, or of the nearest thing around it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def fault(self, where: Where, problem: str, fix: str = "") -> Fault:
        return Fault(self.file, self.line(where), where, problem, fix)

    def at(self, where: Where) -> Any:
        """Return a value by its place, None where there is none."""
        value = self.value
        for step in where:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def dotted(where: Where) -> str:
    """Return a place as people write it: `workloads[0].ports.http`."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def read(path: Path) -> Document:
    """Return what a YAML file holds; raises SpecError if it cannot be read or is no YAML."""
    document = Document(str(path))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SpecError(Fault(document.file, 0, (), f"is larger than {MAX_BYTES >> 20} MiB"))
        text = path.read_text("utf-8")
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise SpecError(Fault(document.file, 0, (), reason)) from None
    except UnicodeDecodeError:
        raise SpecError(Fault(document.file, 0, (), "is not UTF-8 text")) from None
    return parse(text, document.file)


def parse(text: str, file: str) -> Document:
    """Return what YAML text holds; raises SpecError."""
    document = Document(file)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        reason = error.problem or error.context or "cannot be read"
        fix = "indent with spaces" if "'\\t'" in reason else ""
        raise SpecError(Fault(file, line, (), f"is not YAML: {reason}", fix)) from None
    except yaml.YAMLError as error:
        raise SpecError(Fault(file, 0, (), f"is not YAML: {' '.join(str(error).split())}")) from None
    if node is None:
        raise SpecError(Fault(file, 0, (), "is empty", "it needs a list called workloads"))
    try:
        document.value = _plain(node, (), document)
    except RecursionError:
        raise SpecError(Fault(file, 0, (), "is nested too deeply")) from None
    return document


def _plain(node: yaml.Node, where: Where, document: Document) -> Any:
    document.lines.setdefault(where, node.start_mark.line + 1)
    if len(document.lines) > MAX_VALUES:
        raise SpecError(Fault(document.file, 0, (), f"holds more than {MAX_VALUES} values"))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*where, i), document) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            place = (*where, name)
            if name in found:
                document.twice.append((place, key.start_mark.line + 1))
            document.lines.setdefault(place, key.start_mark.line + 1)
            found[name] = _plain(value, place, document)
        return found
    value = _scalar(node)
    if value is not None:
        document.texts[where] = str(node.value)
    return value


def _scalar(node: yaml.Node) -> str | int | float | bool | None:
    text = str(node.value)
    if isinstance(node, yaml.ScalarNode) and node.style in ("'", '"', "|", ">"):
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if _INT.fullmatch(text) and len(text) < 16:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
