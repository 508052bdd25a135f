"""Routes: which name a request goes under. Compiled once per policy; first match wins.

state/rules owns them, stages/route asks. All routes of a port become one expression over `path METHOD`, so that a
hundred routes cost one match and not a hundred; those whose expressions name or number their groups stay by themselves.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from meshcore.wire import policy_pb2


class Route:
    """One named route."""

    __slots__ = ("name", "timeout_s")

    def __init__(self, name: str, timeout_s: float = 0.0) -> None:
        self.name = name
        self.timeout_s = timeout_s  # 0: none


class Choice(NamedTuple):
    """One match of a route: what a request's `path METHOD` begins with, and the expression for the rest."""

    literal: bytes
    rest: bytes
    route: Route
    apart: bool = False  # it cannot share an expression with others: it has names or numbers for its own groups


class Routes:
    """The routes of a port or a service, in order."""

    __slots__ = ("_parts", "empty")

    def __init__(self, routes: Iterable[policy_pb2.Route] = ()) -> None:
        """Compile; raises re.error for an expression that cannot be compiled."""
        choices: list[Choice] = []
        for route in routes:
            made = Route(route.name, route.request_timeout_ms / 1000)
            choices += [_choice(match, made) for match in route.matches or (policy_pb2.RouteMatch(),)]
        self.empty = not choices
        self._parts = tuple(_parts(choices))

    def find(self, method: bytes, path: bytes) -> Route | None:
        """Return the first route that a request matches; the query does not take part."""
        asked = path.partition(b"?")[0] + b" " + method
        for match, table in self._parts:
            found = match(asked)
            if found is not None:
                return table[found.lastindex or 0]
        return None


# An expression, and the route by the number of the group that matched. Mostly one is all.
_Part = tuple[Callable[[bytes], "re.Match[bytes] | None"], Sequence[Route | None]]


def _parts(choices: Iterable[Choice]) -> Iterator[_Part]:
    """Yield the expressions that are tried in order."""
    for apart, run in groupby(choices, key=lambda choice: choice.apart):
        if apart:
            for choice in run:
                alone = re.compile(choice.rest, re.DOTALL)
                yield alone.fullmatch, (choice.route,) * (alone.groups + 1)
        else:
            table: list[Route | None] = [None]
            joined = re.compile(_alternatives(tuple(run), table), re.DOTALL)
            yield joined.fullmatch, tuple(table)


def _choice(match: policy_pb2.RouteMatch, route: Route) -> Choice:
    method = match.method.upper().encode()
    end = b" " + (re.escape(method) if method else rb"[^ ]+")
    if match.path_exact:
        return Choice(match.path_exact.encode() + b" ", end[1:], route)
    if match.path_regex:
        expression = match.path_regex.encode().removeprefix(b"^")  # the whole path is meant, anchored or not
        if expression.endswith(b"$") and not expression.endswith(b"\\$"):
            expression = expression[:-1]
        re.compile(expression)  # alone, so that an unbalanced bracket is told here and not made good by a neighbour
        expression = _FLAGS.sub(rb"(?\1:\2)", expression)
        if _APART.search(expression):
            return Choice(b"", b"(?:" + expression + b")" + end, route, apart=True)
        found = None if b"|" in expression else _BEGINNING.match(expression)
        literal = found[0] if found else b""
        return Choice(literal, b"(?:" + expression[len(literal) :] + b")" + end, route)
    return Choice(
        match.path_prefix.rstrip("/").encode(), (rb"(?:/[^ ]*)?" if match.path_prefix else rb"[^ ]*") + end, route
    )


def _alternatives(choices: Sequence[Choice], table: list[Route | None]) -> bytes:
    """Return the expression that tries choices in order; those that begin alike share their beginning.

    Choices whose literals differ in the next byte exclude each other, so putting those that agree in it together
    changes no answer, and a request is compared with one beginning and not with a hundred.
    """
    parts: list[bytes] = []
    for literal, run in groupby(choices, key=lambda choice: bool(choice.literal)):
        if not literal:
            for choice in run:
                table += [choice.route] * (1 + re.compile(choice.rest).groups)
                parts.append(b"(" + choice.rest + b")")
            continue
        alike: dict[int, list[Choice]] = {}
        for choice in run:
            alike.setdefault(choice.literal[0], []).append(choice)
        for group in alike.values():
            shared = _shared(group[0].literal, *(choice.literal for choice in group[1:]))
            rests = [choice._replace(literal=choice.literal[len(shared) :]) for choice in group]
            parts.append(re.escape(shared) + _alternatives(rests, table))
    return b"(?:" + b"|".join(parts) + b")"


def _shared(first: bytes, *others: bytes) -> bytes:
    """Return what all begin with."""
    size = len(first)
    for other in others:
        size = next((at for at in range(min(size, len(other))) if first[at] != other[at]), min(size, len(other)))
    return first[:size]


_FLAGS = re.compile(rb"\A\(\?([aimsx]+)\)(.*)", re.DOTALL)  # `(?i)`: of this expression, not of its neighbours
_APART = re.compile(rb"\(\?(?:P[<=]|\()|\\[1-9]")  # a group with a name, or one that is referred to
# The plain characters that an expression begins with; the last one may belong to what repeats it.
_BEGINNING = re.compile(rb"[A-Za-z0-9/_-]*(?![*+?{A-Za-z0-9/_-])")
NO_ROUTES = Routes()
