"""Routes: which name a request goes under. Compiled once per policy; first match wins.

state/rules owns them, stages/route asks. All routes of a port become one expression over `METHOD path`, so that a
hundred routes cost one match and not a hundred.
"""

import re
from collections.abc import Iterable

from meshcore.wire import policy_pb2


class Route:
    """One named route."""

    __slots__ = ("name", "timeout_s")

    def __init__(self, name: str, timeout_s: float = 0.0) -> None:
        self.name = name
        self.timeout_s = timeout_s  # 0: none


class Routes:
    """The routes of a port or a service, in order."""

    __slots__ = ("_match", "_table", "empty")

    def __init__(self, routes: Iterable[policy_pb2.Route] = ()) -> None:
        """Compile; raises re.error for an expression that cannot be compiled."""
        table: list[Route | None] = [None]
        parts: list[bytes] = []
        for route in routes:
            made = Route(route.name, route.request_timeout_ms / 1000)
            for match in route.matches or (policy_pb2.RouteMatch(),):
                pattern = _pattern(match)
                groups = re.compile(pattern).groups
                parts.append(b"(" + pattern + b")")
                table += [made] * (1 + groups)
        self.empty = not parts
        self._table = tuple(table)
        self._match = re.compile(b"|".join(parts), re.DOTALL).fullmatch if parts else None

    def find(self, method: bytes, path: bytes) -> Route | None:
        """Return the first route that a request matches; the query does not take part."""
        if self._match is None:
            return None
        found = self._match(method + b" " + path.partition(b"?")[0])
        if found is None or found.lastindex is None:
            return None
        return self._table[found.lastindex]


def _pattern(match: policy_pb2.RouteMatch) -> bytes:
    method = re.escape(match.method.upper().encode()) if match.method else rb"[^ ]+"
    if match.path_exact:
        path = re.escape(match.path_exact.encode())
    elif match.path_regex:
        path = b"(?:" + match.path_regex.encode() + b")"
        re.compile(path)  # alone, so that an unbalanced bracket is told here and not made good by a neighbour
    elif match.path_prefix:
        prefix = match.path_prefix.rstrip("/").encode()
        path = re.escape(prefix) + rb"(?:/.*)?"
    else:
        path = rb".*"
    return method + b" " + path


NO_ROUTES = Routes()
