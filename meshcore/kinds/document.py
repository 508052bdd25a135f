"""YAML as plain values that still know their lines, so that a fault can name its place. Pure.

Scalars are read as kubectl reads them (YAML 1.1's booleans, no dates, no base 60). Keys given twice are found here,
since they are gone in plain values; aliases are counted, since those of aliases grow beyond any memory.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from meshcore.kinds.fault import Fault, Placed, Where

MAX_CHARACTERS = 8 << 20
MAX_VALUES = 100_000
MAX_DEPTH = 64
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_PREFIXED = re.compile(r"[-+]?0(x[0-9a-fA-F]+|o?[0-7]+|b[01]+)")
_TRUE = ("y", "yes", "on", "true")
_MERGE = "tag:yaml.org,2002:merge"


class Document:
    """One document of a file: its value, and where each part of it stands."""

    def __init__(self, file: str, line: int) -> None:
        self.file = file
        self.value: Any = None
        self.lines: dict[Where, int] = {(): line}
        self.faults: list[Fault] = []

    def place(self, fault: Fault) -> Placed:
        """Return a fault with the line of its field, or of the nearest thing around it."""
        where = fault.where
        while where not in self.lines:
            where = where[:-1]
        return Placed(self.file, self.lines[where], fault)


def documents(text: str, file: str) -> Iterator[Document | Placed]:
    """Yield the documents of a file; one that is no YAML ends it, and is the fault that comes last."""
    if len(text) > MAX_CHARACTERS:
        yield Placed(file, 0, Fault((), f"has more than {MAX_CHARACTERS} characters", "split it"))
        return
    try:
        for node in yaml.compose_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if _is_empty(node):
                continue
            found = Document(file, node.start_mark.line + 1)
            found.value = _Builder(found).value(node, ())
            yield found
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        yield Placed(file, line, Fault((), f"is not YAML: {error.problem}", "correct it"))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = (str(error).splitlines() or ["nested too deeply"])[0]
        yield Placed(file, 0, Fault((), f"is not YAML: {said}", "correct it"))


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._left = MAX_VALUES

    def value(self, node: Node, where: Where) -> Any:
        """Return a node's value, and note its line."""
        self._left -= 1
        if self._left < 0 or len(where) > MAX_DEPTH:
            raise ValueError("has too many values or levels")
        self._document.lines[where] = node.start_mark.line + 1
        if isinstance(node, MappingNode):
            return self._mapping(node, where)
        if isinstance(node, SequenceNode):
            return [self.value(each, (*where, at)) for at, each in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: MappingNode, where: Where) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, each in node.value:
            if key.tag == _MERGE:
                for source in each.value if isinstance(each, SequenceNode) else [each]:
                    more = self.value(source, where)
                    merged = {**(more if isinstance(more, dict) else {}), **merged}
                continue
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            if name in found:
                line = self._document.lines.get((*where, name), 0)
                self._document.faults.append(Fault((*where, name), f"is given twice, first in line {line}", "keep one"))
            found[name] = self.value(each, (*where, name))
            self._document.lines[(*where, name)] = key.start_mark.line + 1
        return {**merged, **found}


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag.endswith(":null") and not node.value


def _scalar(node: Node) -> Any:
    text, tag = str(node.value), node.tag.rpartition(":")[2]
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() in _TRUE
    if tag == "int":
        if _INT.fullmatch(text):
            return int(text) if len(text) < 40 else float(text)
        if _PREFIXED.fullmatch(text):
            sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("+-")
            octal = digits[1:].isdigit()
            return sign * (int(digits, 8) if octal else int(digits, 0))
    if tag == "float" and _FLOAT.fullmatch(text):
        return float(text)
    return text
