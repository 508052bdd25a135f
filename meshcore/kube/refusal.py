"""An answer of the API server that is an error, in a person's words, with what to do next: a KubeError of failure.py.

The transport passes what was answered over HTTP, the watch what came as a Status inside its stream. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from meshcore.kube.failure import (
    CONFLICT,
    EXISTS,
    FORBIDDEN,
    GONE,
    INTERNAL,
    INVALID,
    NO_SUCH_API,
    NOT_FOUND,
    THROTTLED,
    TIMEOUT,
    UNAUTHENTICATED,
    UNAVAILABLE,
    KubeError,
    words,
)
from meshcore.kube.grant import grant
from meshcore.kube.objects import MESH_GROUP, OBSERVE_GROUP

_INSTALL = "the mesh is not installed there, or only half: `meshtui check` says what is missing"
_API = re.compile(r"/apis/(?P<group>[^/?]+)/(?P<version>[^/?]+)")
_CODES = {
    400: INVALID,
    401: UNAUTHENTICATED,
    403: FORBIDDEN,
    404: NOT_FOUND,
    405: NO_SUCH_API,
    409: CONFLICT,
    410: GONE,
    413: INVALID,
    415: INVALID,
    422: INVALID,
    429: THROTTLED,
    500: INTERNAL,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: TIMEOUT,
}


def refused(
    where: str, status: int, body: bytes, headers: Mapping[str, str] | None = None, path: str = "", verb: str = ""
) -> KubeError:
    """Return what to tell a person about an answer of the API server at `where` that is an error."""
    return from_status(where, status, _status_of(body), _text_of(body), headers or {}, path, verb)


def from_status(
    where: str,
    status: int,
    said: Mapping[str, Any],
    text: str = "",
    headers: Mapping[str, str] | None = None,
    path: str = "",
    verb: str = "",
) -> KubeError:
    """Return the same for a Status object, which is how a watch tells of an error inside an answer of 200."""
    reason = said.get("reason") or ""
    details = said.get("details") if isinstance(said.get("details"), dict) else {}
    message = words(said.get("message") or text) or f"HTTP {status}"
    code = _code(status, reason, message, details or {})
    after = _seconds((headers or {}).get("Retry-After"), (details or {}).get("retryAfterSeconds"))
    line, hint = _said(where, status, code, message, path, verb)
    lost = code in (UNAVAILABLE, TIMEOUT, THROTTLED) or (code == INTERNAL and after is not None)
    return KubeError(line, hint, code=code, lost=lost, status=status, retry_after=after)


def not_json(where: str, path: str, status: int, media: str) -> KubeError:
    """Return what to tell a person about an answer that no API server gives."""
    return KubeError(
        f"{where} answered {path} with HTTP {status} and {media or 'no media type'}, not with an object in JSON",
        "is this an API server? A login page or a proxy answers like that: see the kubeconfig's server and proxy-url",
        code=INTERNAL,
        status=status,
    )


def _code(status: int, reason: str, message: str, details: Mapping[str, Any]) -> str:
    if reason == "AlreadyExists":
        return EXISTS
    if reason in ("Expired", "Gone"):
        return GONE
    if status == 404 and reason in ("", "NotFound") and not details.get("name"):
        return NO_SUCH_API if "requested resource" in message or "page not found" in message else NOT_FOUND
    return _CODES.get(status, INTERNAL if status >= 500 else "unknown")


def _said(where: str, status: int, code: str, message: str, path: str, verb: str) -> tuple[str, str]:
    api = _API.search(path)
    ours = api is not None and api["group"] in (MESH_GROUP, OBSERVE_GROUP)
    if code == UNAUTHENTICATED:
        return (
            f"the API server at {where} does not accept these credentials: {message}",
            "they have expired or were revoked: log in again, then `kubectl auth whoami` must answer",
        )
    if code == FORBIDDEN:
        return f"not allowed: {message}", grant(message)
    if code == NO_SUCH_API:
        what = f"{api['group']}/{api['version']}" if api else path
        return f"the API server at {where} has no {what}", _INSTALL if ours else "is its definition installed?"
    if code == UNAVAILABLE and api is not None and "." in api["group"] and not api["group"].endswith(".k8s.io"):
        return (
            f"the API server at {where} cannot reach what answers {api['group']}: {message}",
            f"`kubectl get apiservice {api['version']}.{api['group']}` says why"
            + (", and `meshtui check` looks at the control plane" if ours else ""),
        )
    if code in (UNAVAILABLE, TIMEOUT):
        return f"the API server at {where} is not able to answer: {message}", "it is tried again"
    if code == THROTTLED:
        return f"the API server at {where} asks to slow down: {message}", "it is busy: try again in a moment"
    if code == CONFLICT:
        return f"somebody else changed it in between: {message}", "read it again, then change it again"
    if code == GONE:
        return f"this version is too old to go on from: {message}", "read it again"
    if code == INTERNAL or status >= 500:
        return f"the API server at {where} failed: {message}", "its log says why"
    return (f"{verb} {path}: {message}" if verb and message.startswith("HTTP ") else message), ""


def _status_of(body: bytes) -> Mapping[str, Any]:
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return said if isinstance(said, dict) and said.get("kind") == "Status" else {}


def _text_of(body: bytes) -> str:
    """Return an answer that is no Status, as far as a person can use it: its first words, and no page's markup."""
    text = body[:2048].decode("utf-8", "replace")
    return "" if "<html" in text.lower() or text.lstrip().startswith("{") else words(text)[:300]


def _seconds(header: str | None, said: object) -> float | None:
    """Return how long to wait; a date, which no API server sends, counts as not said."""
    if header and header.strip().isdigit():
        return float(header)
    return float(said) if isinstance(said, int) and said > 0 else None
