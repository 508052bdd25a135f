"""JSON documents as dataclasses, checked to the last field; errors name the place.

For what a sidecar reads once: a library for it would stay in memory for the rest of the process's life.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


class DecodeError(Exception):
    """A document that does not fit; `str()` is one line."""


def between(low: float, high: float) -> dict[str, tuple[float, float]]:
    """Return the metadata of a field whose number must be within these bounds."""
    return {"between": (low, high)}


def decode(data: bytes, kind: type[T]) -> T:
    """Return the document as an instance of a dataclass; raises DecodeError."""
    try:
        document = json.loads(data)
    except ValueError as error:
        raise DecodeError(f"not JSON: {error}") from None
    return _value(document, kind, "")  # type: ignore[no-any-return]


def _value(value: Any, kind: Any, place: str) -> Any:
    if is_dataclass(kind):
        return _fields(value, kind, place)
    origin = get_origin(kind)
    if origin is UnionType:
        (inner,) = (arm for arm in get_args(kind) if arm is not NoneType)
        return None if value is None else _value(value, inner, place)
    if origin is tuple:
        if not isinstance(value, list):
            raise DecodeError(f"{place}: expected a list, not {_told(value)}")
        return tuple(_value(item, get_args(kind)[0], f"{place}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise DecodeError(f"{place}: expected an object, not {_told(value)}")
        return {key: _value(item, get_args(kind)[1], f"{place}.{key}") for key, item in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise DecodeError(f"{place}: expected {_NAMES[kind]}, not {_told(value)}")
    return value


def _fields(document: Any, kind: Any, place: str) -> Any:
    if not isinstance(document, Mapping):
        raise DecodeError(f"{place or 'the document'}: expected an object, not {_told(document)}")
    prefix = f"{place}." if place else ""
    types = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}
    unknown = sorted(document.keys() - known.keys())
    if unknown:
        raise DecodeError(f"{prefix}{unknown[0]}: unknown field; there are {', '.join(known)}")
    values = {}
    for name, field in known.items():
        if name not in document:
            if field.default is MISSING and field.default_factory is MISSING:
                raise DecodeError(f"{prefix}{name}: missing field")
            continue
        value = values[name] = _value(document[name], types[name], prefix + name)
        low, high = field.metadata.get("between", (None, None))
        if low is not None and not low <= value <= high:
            raise DecodeError(f"{prefix}{name}: {value} is not between {low} and {high}")
    return kind(**values)


def _told(value: Any) -> str:
    """Return what kind of thing was found; never the value, which may be a secret."""
    return _NAMES.get(type(value), "an object" if isinstance(value, dict) else "a list")
