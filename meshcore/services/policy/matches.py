"""Conditions of ServiceProfiles and matches of Gateway routes, as the matches that a sidecar knows; pure.

A sidecar's match holds when all of its parts do, and a route when any of its matches does: conditions are brought
into that form. What cannot be said so is an Untellable, and attach.py leaves it out and tells.
"""

import re
from collections.abc import Iterator

from meshcore.kinds.gateway import GRPCMatch, HTTPMatch
from meshcore.kinds.profile import Condition
from meshcore.wire.policy_pb2 import RouteMatch

MOST = 64  # matches of one route; alternatives in alternatives multiply
# A sidecar's match names one method or none, so "not GET" is each of the others: those of RFC 9110, and PATCH.
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


class Untellable(Exception):
    """What a sidecar cannot tell apart today; `str()` is the reason."""


def of_condition(condition: Condition, *, negated: bool = False) -> list[RouteMatch]:
    """Return the matches that stand for a condition, or for its opposite; raises Untellable."""
    parts: list[list[RouteMatch]] = []
    if condition.method is not None:
        parts.append(_method(condition.method.upper(), negated))
    if condition.path is not None:
        path = RouteMatch(path_exact=condition.path)
        parts.append([_without(re.escape(condition.path))] if negated else [path])
    if condition.path_prefix is not None:
        prefix = condition.path_prefix
        parts.append([_without(_prefix_regex(prefix))] if negated else [RouteMatch(path_prefix=prefix)])
    if condition.path_regex is not None:
        regex = condition.path_regex
        parts.append([_without(regex)] if negated else [RouteMatch(path_regex=regex)])
    if condition.none_of is not None:
        parts.append(of_condition(condition.none_of, negated=not negated))
    for group, every in ((condition.all_of, True), (condition.any_of, False)):
        if group is not None:
            inner = [of_condition(each, negated=negated) for each in group]
            # De Morgan: not all of them is the opposite of any, and the other way round.
            parts.append(_all(inner) if every != negated else _any(inner))
    return _any(parts) if negated else _all(parts)


def of_http(match: HTTPMatch) -> RouteMatch:
    """Return a match of an HTTPRoute; raises Untellable."""
    if match.headers or match.query_params:
        raise Untellable("sidecars do not look at headers and query parameters yet")
    found = RouteMatch(method=match.method or "")
    if match.path is not None:
        if match.path.type == "Exact":
            found.path_exact = match.path.value
        elif match.path.type == "RegularExpression":
            found.path_regex = match.path.value
        elif match.path.value != "/":
            found.path_prefix = match.path.value
    return found


def of_grpc(match: GRPCMatch) -> RouteMatch:
    """Return a match of a GRPCRoute: a call is a POST of /SERVICE/METHOD; raises Untellable."""
    if match.headers:
        raise Untellable("sidecars do not look at headers yet")
    found, wanted = RouteMatch(method="POST"), match.method
    if wanted is None:
        return found
    if wanted.type == "Exact" and wanted.service and wanted.method:
        found.path_exact = f"/{wanted.service}/{wanted.method}"
    elif wanted.type == "Exact" and wanted.service:
        found.path_prefix = f"/{wanted.service}"
    else:
        quote = re.escape if wanted.type == "Exact" else str
        service, method = (f"(?:{quote(each)})" if each else "[^/]+" for each in (wanted.service, wanted.method))
        found.path_regex = f"/{service}/{method}"
    return found


def _method(method: str, negated: bool) -> list[RouteMatch]:
    return [RouteMatch(method=each) for each in METHODS if each != method] if negated else [RouteMatch(method=method)]


def _without(regex: str) -> RouteMatch:
    return RouteMatch(path_regex=f"(?!{_whole(regex)})[^ ]*")


def _whole(regex: str) -> str:
    """Return an expression that looks ahead for a whole path; a sidecar has the method behind it, after a space."""
    return f"(?:{_bare(regex)})(?: |$)"


def _bare(regex: str) -> str:
    """Return an expression without the anchors around it: the whole path is meant, and it stands inside another one."""
    body = regex.removeprefix("^")
    if not body.endswith("$"):
        return body
    before = body[:-1]
    escaped = (len(before) - len(before.rstrip("\\"))) % 2
    return body if escaped else before


def _prefix_regex(prefix: str) -> str:
    return re.escape(prefix.rstrip("/")) + "(?:/[^ ]*)?"


def _any(parts: list[list[RouteMatch]]) -> list[RouteMatch]:
    return _few([match for part in parts for match in part])


def _all(parts: list[list[RouteMatch]]) -> list[RouteMatch]:
    found = [RouteMatch()]
    for part in parts:
        found = _few([made for left in found for right in part for made in _both(left, right)])
    return found


def _few(matches: list[RouteMatch]) -> list[RouteMatch]:
    if len(matches) > MOST:
        raise Untellable(f"it comes to more than {MOST} combinations")
    return matches


def _both(left: RouteMatch, right: RouteMatch) -> Iterator[RouteMatch]:
    """Yield the match that holds where both do; nothing where that cannot be."""
    if left.method and right.method and left.method != right.method:
        return
    found = RouteMatch(method=left.method or right.method)
    paths = [each for each in (left, right) if each.path_exact or each.path_prefix or each.path_regex]
    if len(paths) == 2:
        exact = next((each.path_exact for each in paths if each.path_exact), "")
        if exact:
            if not all(_holds(each, exact) for each in paths):
                return
            found.path_exact = exact
        else:
            first, second = (each.path_regex or _prefix_regex(each.path_prefix) for each in paths)
            found.path_regex = f"(?={_whole(first)})(?:{_bare(second)})"
    elif paths:
        found.path_exact, found.path_prefix, found.path_regex = (
            paths[0].path_exact,
            paths[0].path_prefix,
            paths[0].path_regex,
        )
    yield found


def _holds(match: RouteMatch, path: str) -> bool:
    if match.path_exact:
        return match.path_exact == path
    return re.fullmatch(match.path_regex or _prefix_regex(match.path_prefix), path) is not None
