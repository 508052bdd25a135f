"""What a person reads when a question to the control plane fails: one line, and what to do next.

Every answer of gRPC that is not a success passes `explain`; nothing above this floor knows gRPC's errors.
"""

from collections.abc import Iterable
from typing import cast

import grpc

HINT = "meshtui-hint-bin"  # trailing metadata in which a server says, in UTF-8, what to do next
HINT_ELSEWHERE = "meshtui-hint-elsewhere-bin"  # the same, where it names what is in other namespaces

_LOST = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED})
_CHECK = "`meshtui check` says what is wrong with it"
_LOG = "`meshtui check` looks at it; its log is logs/control.log in the mesh's runtime folder"


class ClientError(Exception):
    """A question without an answer; `str()` is one line, `hint` the next step, `lost`: asking again may help."""

    def __init__(self, message: str, hint: str = "", *, code: str = "unknown", lost: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code  # gRPC's name in lower case, e.g. "not_found"
        self.lost = lost


def explain(error: grpc.aio.AioRpcError, where: str = "") -> ClientError:
    """Return what to tell a person about a failed call to the control plane at `where`."""
    code = error.code()
    name = code.name.lower()
    details = _line(error.details() or "")
    at = f" at {where}" if where else ""
    hint = _hint(cast(Iterable[tuple[str, str | bytes]], error.trailing_metadata() or ()))
    if code is grpc.StatusCode.UNAVAILABLE and hint and details:  # in its own words: it is there
        return ClientError(details, hint, code=name, lost=True)
    if code is grpc.StatusCode.UNAVAILABLE:
        return ClientError(f"the control plane{at} does not answer", hint or _CHECK, code=name, lost=True)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ClientError(f"the control plane{at} did not answer in time", hint or _CHECK, code=name, lost=True)
    if code is grpc.StatusCode.CANCELLED:
        return ClientError(f"the control plane{at} ended the connection", hint or _CHECK, code=name, lost=True)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return ClientError(
            f"the control plane{at} does not know this question",
            hint or "it is another version than this meshtui: upgrade the older of the two",
            code=name,
        )
    if code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL):
        return ClientError(f"the control plane{at} failed: {details or name}", hint or _LOG, code=name)
    return ClientError(details or f"the control plane{at} refused: {name}", hint, code=name, lost=code in _LOST)


def closed(where: str = "") -> ClientError:
    """Return what to tell a person about a stream of changes that the control plane ended by itself."""
    at = f" at {where}" if where else ""
    return ClientError(f"the control plane{at} ended the connection", _CHECK, code="cancelled", lost=True)


class Elsewhere(str):
    """A hint that names what is in other namespaces than the one that was asked about."""

    __slots__ = ()


def trailing(hint: str) -> tuple[tuple[str, bytes], ...]:
    """Return the metadata that carries a hint."""
    return ((HINT_ELSEWHERE if isinstance(hint, Elsewhere) else HINT, hint.encode()),)


def _hint(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    for key, value in metadata:
        if key in (HINT, HINT_ELSEWHERE):
            return _line(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
    return ""


def _line(text: str) -> str:
    return " ".join(text.split())
