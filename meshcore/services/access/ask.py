"""What is asked: the request message of a path's query, in protobuf as meshtui sends it or in words as people type it.

`kubectl get --raw '/apis/observe.meshtui.dev/v1alpha1/namespaces/shop/stats?kind=deployment&window=5m'`. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from meshcore.wire import common_pb2, control_pb2, discovery_pb2, stats_pb2, tap_pb2
from meshcore.wire.duration import milliseconds
from meshcore.wire.kinds import parse_kind
from meshcore.wire.observe import EVERYWHERE, QUERY, PathError, Question, unpack

Words = Mapping[str, str]
_KIND = "deployment"
_COMMON = frozenset(
    ("timeout", "pretty")
)  # words of every Kubernetes API, kept by the API server or of no meaning here


def request_of(question: Question, query: Sequence[tuple[str, str]], space: str) -> Message:
    """Return the request at a path with this query; raises PathError.

    A path that names a namespace asks about that one, whatever the query says.
    """
    words: dict[str, str] = {}
    for word, value in query:
        if word in words:
            raise PathError(f"the query has {word!r:.80} twice")
        if word not in _COMMON:
            words[word] = value
    if QUERY in words:
        if len(words) > 1:
            raise PathError(f"?{QUERY}= stands alone: it is the whole request")
        request = unpack(words[QUERY], question.request)
    else:
        known, make = _WORDS[question.resource]
        strangers = sorted(words.keys() - set(known))
        if strangers:
            raise PathError(f"{question.resource} has no {strangers[0]!r:.80}; there are {', '.join(known) or 'none'}")
        request = make(words, space)
    spaces = question.spaces(request)
    if space != EVERYWHERE and spaces != {space}:
        named = ", ".join(sorted(spaces - {space})) or "every namespace"
        raise PathError(f"the path is of namespace {space}, the request of {named}")
    return request


def _resource(words: Words, space: str) -> common_pb2.Resource:
    word = words.get("kind", _KIND)
    kind = parse_kind(word)
    if kind is None:
        raise PathError(f"kind={word!r:.80} is no kind of resource; write for example deployment, pod or service")
    name = words.get("name", "")
    if kind.name == "namespace":
        return common_pb2.Resource(kind=kind.name, name=name or space)
    return common_pb2.Resource(namespace=space, kind=kind.name, name=name)


def _duration(words: Words, key: str) -> int:
    try:
        return milliseconds(words[key]) if key in words else 0
    except ValueError as error:
        raise PathError(f"{key}={error}") from None


def _number(words: Words, key: str, largest: int = 100_000) -> int:
    text = words.get(key, "0")
    # By its length first: Python takes no thousands of digits for a number.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(largest)) and int(text) <= largest):
        raise PathError(f"{key}={text!r:.80} is no whole number up to {largest}")
    return int(text)


def _flag(words: Words, key: str) -> bool:
    text = words.get(key, "false")
    if text not in ("true", "false"):
        raise PathError(f"{key}={text!r:.80} is neither true nor false")
    return text == "true"


def _stats(words: Words, space: str) -> Message:
    return stats_pb2.StatRequest(
        targets=[_resource(words, space)],
        window=stats_pb2.Window(length_ms=_duration(words, "window")),
        unmeshed=_flag(words, "unmeshed"),
        by_route=_flag(words, "routes"),
        points=_number(words, "points", 2000),
    )


def _edges(words: Words, space: str) -> Message:
    named = _resource(words, space)
    window = stats_pb2.Window(length_ms=_duration(words, "window"))
    return stats_pb2.EdgesRequest(kind=named.kind, namespace=space, name=words.get("name", ""), window=window)


def _pods(words: Words, space: str) -> Message:
    whole = common_pb2.Resource(kind="namespace", name=space)
    targets = [_resource(words, space)] if words else [whole] if space else []
    return discovery_pb2.PodsRequest(targets=targets)


def _match(words: Words) -> tap_pb2.TapMatch:
    method = words.get("method", "")
    return tap_pb2.TapMatch(methods=[method.upper()] if method else [], path_prefix=words.get("path", ""))


def _taps(words: Words, space: str) -> Message:
    return tap_pb2.ObserveRequest(
        targets=[_resource(words, space)],
        match=_match(words),
        max_rps=_number(words, "maxRps", 10_000),
        headers=_flag(words, "headers"),
        limit=_number(words, "limit"),
    )


def _tops(words: Words, space: str) -> Message:
    return tap_pb2.TopRequest(
        targets=[_resource(words, space)],
        match=_match(words),
        max_rps=_number(words, "maxRps", 10_000),
        window_ms=_duration(words, "window"),
        by_route=_flag(words, "routes"),
        limit=_number(words, "limit"),
    )


def _status(words: Words, space: str) -> Message:
    return control_pb2.StatusRequest(namespace=space)


def _checks(words: Words, space: str) -> Message:
    return control_pb2.CheckRequest()


Make = Callable[[Words, str], Any]
_WORDS: dict[str, tuple[tuple[str, ...], Make]] = {
    "stats": (("kind", "name", "window", "unmeshed", "routes", "points"), _stats),
    "edges": (("kind", "name", "window"), _edges),
    "meshedpods": (("kind", "name"), _pods),
    "taps": (("kind", "name", "method", "path", "maxRps", "headers", "limit"), _taps),
    "tops": (("kind", "name", "method", "path", "maxRps", "window", "routes", "limit"), _tops),
    "meshstatus": ((), _status),
    "checks": ((), _checks),
}
