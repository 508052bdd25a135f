"""Reads a value by a struct of shape.py: all that is wrong with it, by field, not only what comes first; pure.

msgspec says of each type what may be in it (`msgspec.inspect`); what is found right is converted by msgspec itself,
and then asked for `faults` of its own.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from meshcore.kinds.fault import Fault, Where
from meshcore.kinds.shape import Struct, Tolerant

T = TypeVar("T", bound=Struct | Tolerant)

MAX_DEPTH = 32
MAX_FAULTS = 50  # of one object: whoever made more has another problem


@cache
def type_of(cls: Any) -> inspect.Type:
    """Return what msgspec knows of a struct."""
    return inspect.type_info(cls)


def decode(value: Any, cls: type[T], above: Where = ()) -> tuple[T | None, list[Fault]]:
    """Return a value as a struct, or what is wrong with it; `above` is where the value stands."""
    reader, kind = _Reader(), cast(Any, cls)
    reader.judge(value, type_of(kind), above, {})
    return (None if reader.faults else msgspec.convert(_without_nulls(value), cls)), reader.faults


class _Reader:
    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.unfit = 0  # of them, those that leave a value which cannot be looked at as a whole

    def say(self, where: Where, problem: str, fix: str = "", *, fits: bool = False) -> None:
        self.unfit += not fits
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(where, problem, fix))

    def judge(self, value: Any, kind: inspect.Type, where: Where, extra: Mapping[str, Any]) -> None:
        """Note whatever is wrong with a value; `extra` is what shape.py says of its type."""
        if len(where) > MAX_DEPTH:
            self.say(where, "is nested too deeply", f"{MAX_DEPTH} levels at most")
            return
        while isinstance(kind, inspect.Metadata):
            extra = {**extra, **(kind.extra or {})}
            kind = kind.type
        before = self.unfit
        match kind:
            case inspect.UnionType():
                self._union(value, kind, where, extra)
            case inspect.StructType():
                self._struct(value, kind, where)
            case inspect.ListType() | inspect.VarTupleType():
                self._list(value, kind, where)
            case inspect.DictType():
                self._mapping(value, kind, where)
            case inspect.LiteralType():
                if value not in kind.values or isinstance(value, bool):
                    self.say(where, f"{short(value)} is not known", f"write one of {listed(kind.values)}")
            case inspect.StrType():
                self._string(value, kind, where, extra)
            case inspect.IntType() | inspect.FloatType():
                self._number(value, kind, where, extra)
            case inspect.BoolType():
                if not isinstance(value, bool):
                    self.say(where, f"must be true or false, and is {named(value)}", "write true or false")
        check: Callable[[Any], tuple[str, str] | None] | None = extra.get("check")
        if check is not None and value is not None and self.unfit == before:
            problem = check(value)
            if problem is not None:
                self.say(where, *problem)

    def _union(self, value: Any, kind: inspect.UnionType, where: Where, extra: Mapping[str, Any]) -> None:
        choices = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        if value is None and len(choices) < len(kind.types):
            return
        fitting = next((each for each in choices if _fits(value, each)), choices[0])
        if len(choices) > 1 and not _fits(value, fitting):
            self.say(where, f"must be a number or text, and is {named(value)}", extra.get("fix", ""))
            return
        self.judge(value, fitting, where, extra)

    def _struct(self, value: Any, kind: inspect.StructType, where: Where) -> None:
        if not isinstance(value, dict):
            self.say(where, f"must be an object, and is {named(value)}", "write KEY: VALUE below it")
            return
        before = self.unfit
        fields = {each.encode_name: each for each in kind.fields}
        if kind.forbid_unknown_fields:
            for key in value:
                if key not in fields:
                    self.say((*where, str(key)), "is no field that is known here", _instead(str(key), fields, value))
        for name, each in fields.items():
            if name not in value or (value[name] is None and not each.required):
                if each.required:
                    self.say((*where, name), "is missing", "give it")
                continue
            self.judge(value[name], each.type, (*where, name), {})
        if self.unfit == before:
            plain = {name: each for name, each in value.items() if each is not None}
            made: Any = msgspec.convert(_without_nulls(plain), kind.cls)
            for fault in made.faults():
                self.say((*where, *fault.where), fault.problem, fault.fix, fits=True)

    def _list(self, value: Any, kind: Any, where: Where) -> None:
        if not isinstance(value, Sequence) or isinstance(value, str):
            self.say(where, f"must be a list, and is {named(value)}", "begin each item with -")
            return
        if kind.min_length is not None and len(value) < kind.min_length:
            self.say(where, "is empty", "give at least one item")
        if kind.max_length is not None and len(value) > kind.max_length:
            self.say(where, f"has {len(value)} items", f"{kind.max_length} at most; spread them over several objects")
            return
        for at, item in enumerate(value):
            self.judge(item, kind.item_type, (*where, at), {})

    def _mapping(self, value: Any, kind: inspect.DictType, where: Where) -> None:
        if not isinstance(value, dict):
            self.say(where, f"must be an object, and is {named(value)}", "write KEY: VALUE below it")
            return
        for key, each in value.items():
            self.judge(each, kind.value_type, (*where, str(key)), {})

    def _string(self, value: Any, kind: inspect.StrType, where: Where, extra: Mapping[str, Any]) -> None:
        if not isinstance(value, str):
            quoted = f'put it in quotes: "{value}"' if isinstance(value, (int, float)) else ""
            fix = extra.get("fix") or quoted
            self.say(where, f"must be text, and is {named(value)}", fix)
            return
        if kind.max_length is not None and len(value) > kind.max_length:
            self.say(where, f"has {len(value)} characters", f"{kind.max_length} at most")
        elif kind.pattern is not None and not _matcher(kind.pattern)(value):
            self.say(where, f"{short(value)} is {extra.get('says', 'not of the right form')}", extra.get("fix", ""))

    def _number(self, value: Any, kind: Any, where: Where, extra: Mapping[str, Any]) -> None:
        whole = isinstance(kind, inspect.IntType)
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            what = "a whole number" if whole else "a number"
            self.say(where, f"must be {what}, and is {named(value)}", extra.get("fix", f"write {what}"))
            return
        # Written so that NaN, which YAML has and JSON has not, is in no range.
        if not ((kind.ge is None or value >= kind.ge) and (kind.le is None or value <= kind.le)):
            self.say(where, f"{value} is out of range", extra.get("fix") or f"write {_between(kind)}")


def _without_nulls(value: Any) -> Any:
    """Return a value without members that are null, which say nothing (as the API server has it)."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_without_nulls(each) for each in value]
    return value


def _fits(value: Any, kind: inspect.Type) -> bool:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(value, bool):
        return isinstance(kind, inspect.BoolType)
    if isinstance(value, (int, float)):
        return isinstance(kind, (inspect.IntType, inspect.FloatType))
    if isinstance(value, str):
        return isinstance(kind, (inspect.StrType, inspect.LiteralType))
    return isinstance(kind, (inspect.StructType, inspect.DictType, inspect.ListType))


@cache
def _matcher(pattern: str) -> Callable[[str], Any]:
    """Return a pattern's search; its end is the text's, as in JSON Schema, and not before a last line break."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern).search


def _instead(key: str, fields: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    free = [name for name in fields if name not in given]
    near = get_close_matches(key, free, 1, 0.6) or [name for name in free if name.lower() == key.lower()]
    return f"did you mean {near[0]}?" if near else f"remove it; known are {listed(sorted(fields))}"


def _between(kind: Any) -> str:
    """Return the range of a number in words."""
    if kind.le is None:
        return f"{kind.ge} or more"
    return f"{kind.ge} to {kind.le}"


def listed(names: Any) -> str:
    return ", ".join(map(str, names))


def short(value: Any) -> str:
    """Return a value as it is told, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def named(value: Any) -> str:
    """Return what a value is, in words."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"{'text' if isinstance(value, str) else 'the number'} {short(value)}"
