"""What a person reads when the API server cannot be asked, or refuses: one line, and what to do next.

Raised by everything in this room; nothing above it knows an HTTP client's errors. A connection that fails passes
`broken`; an answer that is an error is refusal.py's. Codes are gRPC's names in lower case, as the client's failures
have them, so that whoever shows one shows both.
"""

import ssl

import aiohttp

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


def broken(where: str, error: BaseException, doing: str = "") -> KubeError:
    """Return what to tell a person about a connection to `where` that could not be made, or broke."""
    untrusted = _untrusted(where, error)
    if untrusted is not None:
        return untrusted
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return KubeError(
            f"the proxy on the way to {where} refused: HTTP {error.status} {words(error.message)}",
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


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return words(error.strerror)
    return words(str(error)) or type(error).__name__


def words(text: str) -> str:
    """Return a text in one line."""
    return " ".join(str(text).split())
