"""What a person reads when the API server cannot be asked, or refuses: one line, and what to do next.

Raised by everything in this room; nothing above it knows an HTTP client's errors. An answer that is an error passes
`refused`, a connection that fails passes `broken`. Codes are gRPC's names in lower case, as the client's failures
have them, so that whoever shows one shows both.
"""

import re
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from meshcore.kube.grant import grant
from meshcore.kube.objects import MESH_GROUP, OBSERVE_GROUP

KUBECONFIG = "kubeconfig"  # codes that are not gRPC's: nothing was asked yet
CREDENTIALS = "credentials"

UNAUTHENTICATED = "unauthenticated"
FORBIDDEN = "permission_denied"
NOT_FOUND = "not_found"
NO_SUCH_API = "unimplemented"
EXISTS = "already_exists"
CONFLICT = "aborted"
GONE = "out_of_range"
THROTTLED = "resource_exhausted"
INVALID = "invalid_argument"
UNAVAILABLE = "unavailable"
TIMEOUT = "deadline_exceeded"
INTERNAL = "internal"
TRUST = "untrusted"

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


class KubeError(Exception):
    """A question without an answer; `str()` is one line, `hint` the next step, `lost`: asking again may help."""

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        code: str = "unknown",
        lost: bool = False,
        status: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.lost = lost
        self.status = status  # of HTTP; 0: there was no answer
        self.retry_after = retry_after  # seconds that the server asked to wait


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
    message = _line(said.get("message") or text) or f"HTTP {status}"
    code = _code(status, reason, message, details or {})
    after = _seconds((headers or {}).get("Retry-After"), (details or {}).get("retryAfterSeconds"))
    line, hint = _words(where, status, code, message, path, verb)
    lost = code in (UNAVAILABLE, TIMEOUT, THROTTLED) or (code == INTERNAL and after is not None)
    return KubeError(line, hint, code=code, lost=lost, status=status, retry_after=after)


def broken(where: str, error: BaseException, doing: str = "") -> KubeError:
    """Return what to tell a person about a connection to `where` that could not be made, or broke."""
    untrusted = _untrusted(where, error)
    if untrusted is not None:
        return untrusted
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return KubeError(
            f"the proxy on the way to {where} refused: HTTP {error.status} {_line(error.message)}",
            "see proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY",
            code=UNAVAILABLE,
            lost=error.status >= 500,
        )
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return KubeError(
            f"the proxy on the way to {where} cannot be reached: {_reason(error.os_error)}",
            "see proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY",
            code=UNAVAILABLE,
            lost=True,
        )
    if type(error).__module__.startswith("aiohttp_socks"):
        return KubeError(
            f"the SOCKS proxy on the way to {where} does not lead there: {_reason(error)}",
            "see proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY; does `ssh -D` still run?",
            code=UNAVAILABLE,
            lost=True,
        )
    if isinstance(error, TimeoutError):
        return KubeError(
            f"the API server at {where} did not answer in time{doing and f' ({doing})'}",
            "is it reachable from here (VPN, firewall, proxy)? `kubectl get --raw /readyz` asks it the same way",
            code=TIMEOUT,
            lost=True,
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return KubeError(
            f"the API server's name is unknown here: {where}",
            "see the cluster's server in the kubeconfig; is a VPN or a proxy missing?",
            code=UNAVAILABLE,
            lost=True,
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return KubeError(
            f"the API server at {where} cannot be reached: {_reason(error.os_error)}",
            "does the cluster run, and is this context's server right? `kubectl config view --minify` shows it",
            code=UNAVAILABLE,
            lost=True,
        )
    if isinstance(error, aiohttp.InvalidURL):
        return KubeError(
            f"this is no address of an API server: {where}",
            "see the cluster's server in the kubeconfig",
            code=KUBECONFIG,
        )
    cut = isinstance(error, aiohttp.ClientPayloadError)  # its words are about transfer encodings
    return KubeError(
        f"the connection to the API server at {where} broke: {'in the middle of an answer' if cut else _reason(error)}",
        "it is tried again; if it stays so, look for a proxy or a load balancer that cuts connections",
        code=UNAVAILABLE,
        lost=True,
    )


def not_json(where: str, path: str, status: int, media: str) -> KubeError:
    """Return what to tell a person about an answer that no API server gives."""
    return KubeError(
        f"{where} answered {path} with HTTP {status} and {media or 'no media type'}, not with an object in JSON",
        "is this an API server? A login page or a proxy answers like that: see the kubeconfig's server and proxy-url",
        code=INTERNAL,
        status=status,
    )


def _untrusted(where: str, error: BaseException) -> KubeError | None:
    cause = _tls(error)
    if cause is None:
        return None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return KubeError(
            f"the certificate of the API server at {where} is not trusted: {cause.verify_message}",
            "the kubeconfig's certificate-authority is another cluster's or out of date, or the name is not in the "
            "certificate (tls-server-name); fetch the kubeconfig again",
            code=TRUST,
        )
    said = (getattr(cause, "reason", None) or str(cause)).lower().replace("_", " ")
    if "alert" in said:
        return KubeError(
            f"the API server at {where} refused this client's certificate: {said}",
            "the kubeconfig's client certificate has expired or is another cluster's; fetch the kubeconfig again",
            code=UNAUTHENTICATED,
        )
    return KubeError(
        f"no TLS with the API server at {where}: {said}",
        "does the server speak https on this port? See the cluster's server in the kubeconfig",
        code=UNAVAILABLE,
        lost=True,
    )


def _tls(error: BaseException | None) -> ssl.SSLError | None:
    """Return the TLS failure that an error is, or was caused by."""
    for _depth in range(8):
        # aiohttp's error for a certificate is an ssl.CertificateError by its class, but holds the real one
        inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
        if isinstance(inner, BaseException) and inner is not error:
            error = inner
        elif isinstance(error, ssl.SSLError):
            return error
        else:
            error = error.__cause__ if error is not None else None
    return None


def _code(status: int, reason: str, message: str, details: Mapping[str, Any]) -> str:
    if reason == "AlreadyExists":
        return EXISTS
    if reason in ("Expired", "Gone"):
        return GONE
    if status == 404 and reason in ("", "NotFound") and not details.get("name"):
        return NO_SUCH_API if "requested resource" in message or "page not found" in message else NOT_FOUND
    return _CODES.get(status, INTERNAL if status >= 500 else "unknown")


def _words(where: str, status: int, code: str, message: str, path: str, verb: str) -> tuple[str, str]:
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
    return "" if "<html" in text.lower() or text.lstrip().startswith("{") else _line(text)[:300]


def _seconds(header: str | None, said: object) -> float | None:
    """Return how long to wait; a date, which no API server sends, counts as not said."""
    if header and header.strip().isdigit():
        return float(header)
    return float(said) if isinstance(said, int) and said > 0 else None


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return _line(error.strerror)
    return _line(str(error)) or type(error).__name__


def _line(text: str) -> str:
    return " ".join(str(text).split())
