"""A cluster as one may ask it: where its API server is, whom to trust there, and who asks.

Made by kubeconfig.py from a person's files, or here from what every pod is given; used by transport.py.
"""

import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshcore.kube.credentials import Credentials, Fixed, Impersonation, TokenFile
from meshcore.kube.failure import CREDENTIALS, KUBECONFIG, KubeError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER = "in-cluster"


@dataclass(frozen=True, slots=True)
class Cluster:
    """An API server and how to ask it. `ca` and `pair` are PEM."""

    server: str
    context: str = ""  # the kubeconfig's, or IN_CLUSTER
    namespace: str = "default"
    user: str = ""  # as the kubeconfig calls it
    ca: bytes | None = None  # None: the system's
    verify: bool = True
    tls_name: str | None = None
    proxy: str | None = None
    pair: tuple[bytes, bytes] | None = field(default=None, repr=False)
    credentials: Credentials = field(default_factory=Fixed)
    impersonate: Impersonation = field(default_factory=Impersonation)

    @property
    def where(self) -> str:
        return self.server if self.context in ("", IN_CLUSTER) else f"{self.server} (context {self.context})"


def in_pod(environ: Mapping[str, str]) -> bool:
    """Return whether this is a pod of a cluster that was given an account."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and (SERVICE_ACCOUNT / "token").exists()


def from_pod(environ: Mapping[str, str], account: Path = SERVICE_ACCOUNT) -> Cluster:
    """Return the cluster this pod runs in, asked by its service account; raises KubeError."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT") or "443"
    if not host:
        raise KubeError(
            "this is no pod of a cluster: KUBERNETES_SERVICE_HOST is not set",
            "name a kubeconfig with --kubeconfig, or run it in a pod",
            code=KUBECONFIG,
        )
    try:
        ca = (account / "ca.crt").read_bytes()
        namespace = (account / "namespace").read_text().strip()
    except OSError as error:
        raise KubeError(
            f"the pod's service account cannot be read: {error.filename}: {error.strerror}",
            "does the pod say automountServiceAccountToken: false?",
            code=CREDENTIALS,
        ) from None
    return Cluster(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        context=IN_CLUSTER,
        namespace=namespace or "default",
        ca=ca,
        credentials=TokenFile(account / "token"),
    )


def tls_context(cluster: Cluster) -> ssl.SSLContext:
    """Return whom to trust, with the client's certificate if there is one; raises KubeError."""
    try:
        context = ssl.create_default_context(cadata=cluster.ca.decode("ascii") if cluster.ca else None)
    except (ssl.SSLError, ValueError) as error:
        raise KubeError(
            f"the certificate authority of {cluster.where} is no certificate in PEM: {error}",
            "see certificate-authority in the kubeconfig",
            code=KUBECONFIG,
        ) from None
    # As Go verifies, and so kubectl: an intermediate may be the anchor, and old authorities lack key identifiers.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not cluster.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cluster.pair is not None:
        load_pair(context, cluster.pair, cluster.where)
    return context


def load_pair(context: ssl.SSLContext, pair: tuple[bytes, bytes], where: str) -> None:
    """Present this certificate from the next connection on; raises KubeError."""
    certificate, key = pair
    # `ssl` reads certificates from files only: one of mode 0600 that is gone again at once.
    handle, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(certificate.rstrip() + b"\n" + key)
        context.load_cert_chain(name, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise KubeError(
            f"the client certificate for {where} and its key do not fit, or are no PEM: {error}",
            "see client-certificate and client-key in the kubeconfig, or the exec plugin's answer",
            code=CREDENTIALS,
        ) from None
    finally:
        Path(name).unlink()


def _no_password() -> bytes:
    """Answer for an encrypted key, for which OpenSSL would otherwise ask on the terminal."""
    return b""
