"""The aggregated API `observe.meshtui.dev/v1alpha1`: which question has which path, and which namespaces it touches.

The gRPC methods that people's questions are, as resources of a Kubernetes API, so that RBAC speaks of them: `stats`,
`edges`, `meshedpods`, `taps`, `tops`, `meshstatus`, `checks`. client/api makes paths of questions, services/access
questions of paths. Pure.
"""

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message

from meshcore.wire import common_pb2, control_pb2, discovery_pb2, stats_pb2, tap_pb2
from meshcore.wire.ids import is_label

GROUP = "observe.meshtui.dev"
VERSION = "v1alpha1"
ROOT = f"/apis/{GROUP}/{VERSION}"
HELLO = "/meshtui.v1.Control/Hello"  # answered in a member of ROOT's own document, which whoever is known may read
HELLO_MEMBER = "meshtuiHello"
QUERY = "q"
EVERYWHERE = ""


class PathError(ValueError):
    """A path or query that is no question; `str()` is one line with the fix."""


class Question(NamedTuple):
    """One gRPC method as a resource. `spaces(request)` are the namespaces it touches; EVERYWHERE among them: all."""

    method: str
    resource: str
    watch: bool
    request: type[Message]
    response: type[Message]
    spaces: Callable[[Any], set[str]]


def _named(targets: Iterable[common_pb2.Resource]) -> set[str]:
    found = {target.name if target.kind == "namespace" else target.namespace for target in targets}
    return found or {EVERYWHERE}


def _own(request: Any) -> set[str]:
    return {request.namespace}


def _targets(request: Any) -> set[str]:
    return _named(request.targets)


def _nowhere(_: Any) -> set[str]:
    return {EVERYWHERE}


QUESTIONS: tuple[Question, ...] = (
    Question(
        "/meshtui.v1.Control/Status",
        "meshstatus",  # `status` itself is a subresource of namespaces
        False,
        control_pb2.StatusRequest,
        control_pb2.StatusResponse,
        _own,
    ),
    Question(
        "/meshtui.v1.Control/WatchStatus",
        "meshstatus",  # `status` itself is a subresource of namespaces
        True,
        control_pb2.StatusRequest,
        control_pb2.StatusResponse,
        _own,
    ),
    Question(
        "/meshtui.v1.Control/Check", "checks", False, control_pb2.CheckRequest, control_pb2.CheckResponse, _nowhere
    ),
    Question("/meshtui.v1.StatsQuery/Stat", "stats", False, stats_pb2.StatRequest, stats_pb2.StatResponse, _targets),
    Question(
        "/meshtui.v1.StatsQuery/WatchStat", "stats", True, stats_pb2.StatRequest, stats_pb2.StatResponse, _targets
    ),
    Question("/meshtui.v1.StatsQuery/Edges", "edges", False, stats_pb2.EdgesRequest, stats_pb2.EdgesResponse, _own),
    Question("/meshtui.v1.StatsQuery/WatchEdges", "edges", True, stats_pb2.EdgesRequest, stats_pb2.EdgesResponse, _own),
    Question(
        "/meshtui.v1.Inventory/Pods",
        "meshedpods",
        False,
        discovery_pb2.PodsRequest,
        discovery_pb2.PodsResponse,
        _targets,
    ),
    Question(
        "/meshtui.v1.Inventory/WatchPods",
        "meshedpods",
        True,
        discovery_pb2.PodsRequest,
        discovery_pb2.PodsResponse,
        _targets,
    ),
    Question("/meshtui.v1.TapQuery/Observe", "taps", True, tap_pb2.ObserveRequest, tap_pb2.ObserveResponse, _targets),
    Question("/meshtui.v1.TapQuery/Top", "tops", True, tap_pb2.TopRequest, tap_pb2.TopResponse, _targets),
)
RESOURCES: tuple[str, ...] = tuple(dict.fromkeys(question.resource for question in QUESTIONS))
_BY_METHOD = {question.method: question for question in QUESTIONS}
_BY_RESOURCE = {(question.resource, question.watch): question for question in QUESTIONS}


def question_of(method: str) -> Question | None:
    """Return the question that a gRPC method is; None: it is asked on a mesh's own socket only."""
    return _BY_METHOD.get(method)


def path_of(question: Question, request: Message) -> str:
    """Return where a question is asked: at its namespace's path if it touches just one."""
    spaces = question.spaces(request)
    space = next(iter(spaces)) if len(spaces) == 1 else EVERYWHERE
    watch = "/watch" if question.watch else ""
    where = f"/namespaces/{space}" if space else ""
    return f"{ROOT}{watch}{where}/{question.resource}?{QUERY}={pack(request.SerializeToString())}"


def read_path(path: str) -> tuple[Question, str]:
    """Return the question at a path (without its query) and the namespace it names, if any; raises PathError."""
    parts = path.removeprefix(f"{ROOT}/").split("/") if path.startswith(f"{ROOT}/") else []
    watch = parts[:1] == ["watch"]
    if watch:
        del parts[0]
    space = EVERYWHERE
    if len(parts) >= 3 and parts[0] == "namespaces":
        space = parts[1]
        if not is_label(space):
            raise PathError(f"{space!r:.80} is no namespace's name")
        del parts[:2]
    question = _BY_RESOURCE.get((parts[0], watch)) if len(parts) == 1 else None
    if question is None:
        raise PathError(f"there is nothing at {path!r:.200}; {_instead(parts, space, watch)}")
    return question, space


def _instead(parts: list[str], space: str, watch: bool) -> str:
    """Return where to ask what may have been meant."""
    where = f"/namespaces/{space}" if space else ""
    if len(parts) == 2 and parts[0] in RESOURCES:
        return f"{parts[0]} of one workload are at {ROOT}{'/watch' * watch}{where}/{parts[0]}?name={parts[1]:.80}"
    if len(parts) == 1 and parts[0] in RESOURCES:
        return f"{parts[0]} are at {ROOT}{'/watch' * (not watch)}{where}/{parts[0]}"
    return f"resources are {', '.join(RESOURCES)}"


def pack(data: bytes) -> str:
    """Return bytes as a query holds them: base64url without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unpack(text: str, kind: type[Message]) -> Message:
    """Return the message that a query holds; raises PathError."""
    request = kind()
    try:
        request.ParseFromString(b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, DecodeError):
        raise PathError(f"?{QUERY}= is no {kind.DESCRIPTOR.name} in base64url") from None
    return request
