"""How an answer looks on the wire: gRPC-Web frames for meshtui, JSON for people, and a Kubernetes Status for refusals.

serve.py chooses one by the Accept header. Pure.
"""

import json
from collections.abc import Mapping
from typing import Any, Protocol

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from meshcore.wire import frames
from meshcore.wire.observe import GROUP, HELLO_MEMBER, QUESTIONS, VERSION

_HTTP = {  # as gRPC's HTTP mapping has it, read backwards (google/rpc/code.proto)
    grpc.StatusCode.INVALID_ARGUMENT: (400, "BadRequest"),
    grpc.StatusCode.FAILED_PRECONDITION: (400, "BadRequest"),
    grpc.StatusCode.UNAUTHENTICATED: (401, "Unauthorized"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "Forbidden"),
    grpc.StatusCode.NOT_FOUND: (404, "NotFound"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "TooManyRequests"),
    grpc.StatusCode.UNIMPLEMENTED: (501, "NotImplemented"),
    grpc.StatusCode.UNAVAILABLE: (503, "ServiceUnavailable"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "Timeout"),
}


class Refusal(Exception):
    """A question that is not answered, or no further: gRPC's code, a line, and what to do."""

    def __init__(self, code: grpc.StatusCode, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class Form(Protocol):
    """One way to write answers."""

    content_type: str
    alive: bytes  # a sign of life between answers

    def status(self, refusal: Refusal) -> int:
        """Return the HTTP status of an answer that is nothing but a refusal."""

    def message(self, answer: Message) -> bytes: ...

    def end(self, refusal: Refusal | None) -> bytes:
        """Return what ends an answer, well or not."""


class Frames:
    """gRPC-Web: the verdict stands in the trailers, whatever came before."""

    content_type = frames.CONTENT_TYPE
    alive = frames.ALIVE

    def status(self, refusal: Refusal) -> int:
        return 200

    def message(self, answer: Message) -> bytes:
        return frames.message(answer.SerializeToString())

    def end(self, refusal: Refusal | None) -> bytes:
        if refusal is None:
            return frames.trailers({"grpc-status": "0"})
        fields = {"grpc-status": str(refusal.code.value[0]), "grpc-message": str(refusal)}
        if refusal.hint:
            fields["meshtui-hint"] = refusal.hint
        return frames.trailers(fields)


class Json:
    """One object a line."""

    content_type = "application/json"
    alive = b"\n"

    def status(self, refusal: Refusal) -> int:
        return _HTTP.get(refusal.code, (500, ""))[0]

    def message(self, answer: Message) -> bytes:
        found = MessageToDict(answer, always_print_fields_with_no_presence=True)
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    def end(self, refusal: Refusal | None) -> bytes:
        return b"" if refusal is None else json.dumps(failure(refusal)).encode() + b"\n"


def failure(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal as the Status that kubectl prints (kubernetes/apimachinery, meta/v1)."""
    code, reason = _HTTP.get(refusal.code, (500, "InternalError"))
    found: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"{refusal}; {refusal.hint}" if refusal.hint else str(refusal),
        "reason": reason,
        "code": code,
    }
    if refusal.hint:
        found["details"] = {"causes": [{"reason": "Hint", "message": refusal.hint}]}
    return found


def discovery(hello: str) -> Mapping[str, Any]:
    """Return the resources of the group, for `kubectl api-resources` and RBAC's tools, and our hello."""
    verbs: dict[str, set[str]] = {}
    for question in QUESTIONS:
        verbs.setdefault(question.resource, set()).update({"watch"} if question.watch else {"get", "list"})
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{GROUP}/{VERSION}",
        "resources": [
            {
                "name": resource,
                "singularName": "",
                "namespaced": resource != "checks",
                "kind": resource.capitalize(),
                "verbs": sorted(found),
            }
            for resource, found in verbs.items()
        ],
        HELLO_MEMBER: hello,
    }
