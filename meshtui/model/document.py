"""A message of the wire as a document to read: whole numbers as numbers, enums by name, YAML on request.

The YAML and describe views show it. Pure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import yaml
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message


def plain(value: Any, field: FieldDescriptor | None = None) -> Any:
    """Return a message, or a value of one, as dicts, lists and scalars; only what is set."""
    if isinstance(value, Message):
        return {each.name: _field(each, found) for each, found in value.ListFields()}
    if is_dataclass(value):
        pairs = ((each.name, getattr(value, each.name)) for each in fields(value))
        return {name: plain(found) for name, found in pairs if found not in (None, "", ())}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(each) for each in value]
    if field is not None and field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    return value


def as_yaml(message: Any) -> str:
    """Return a message, or a row made of messages, as YAML; lists of figures stay on one line."""
    return yaml.dump(plain(message), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def aligned(pairs: Sequence[tuple[str, str]]) -> str:
    """Return `key: value` lines with the values below each other; an empty key goes on with the last."""
    width = max((len(key) for key, _ in pairs), default=0) + 3
    return "\n".join((f"{key}:".ljust(width) if key else " " * width) + value for key, value in pairs)


def _field(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (Message, str, bytes, int, float)):
        return plain(value, field)
    return [plain(each, field) for each in value]


class _Dumper(yaml.SafeDumper):
    """Blocks for what has names, one line for lists of figures."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        figures = all(isinstance(each, (int, float, type(None))) for each in sequence)
        return super().represent_sequence(tag, sequence, flow_style=figures)
