"""What a control plane is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path

from meshcore.wire.ids import SpiffeId

NAMESPACE, ACCOUNT = "meshtui", "control-plane"
# gRPC clients compare DNS names and cannot compare a URI SAN; sidecars override the target's name with this one.
DNS_NAME = f"{ACCOUNT}.{NAMESPACE}"


@dataclass(frozen=True, slots=True)
class Options:
    """A local control plane's place and name."""

    mesh: str
    folder: Path
    trust_domain: str = "local"
    config: Path | None = None
    listen: str = "127.0.0.1"  # address of the TLS ports; sidecars dial it

    @property
    def identity(self) -> SpiffeId:
        return SpiffeId(self.trust_domain, NAMESPACE, ACCOUNT)

    @property
    def socket(self) -> Path:
        return self.folder / "control.sock"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a cluster's control plane listens; 0: any port that is free."""

    identity: int = 8080  # gRPC, server TLS: first certificates
    control: int = 8086  # gRPC, mutual TLS: sidecars
    observe: int = 8443  # HTTPS: the aggregated API
    webhook: int = 9443  # HTTPS: admission
    admin: int = 9990  # HTTP: /live, /ready, /metrics
    people: int = 8087  # gRPC on the pod's loopback, for forwarded ports: a mesh of one namespace has no aggregated API


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """A control plane in a cluster. `folder` takes what a restart should remember."""

    folder: Path
    ca: Path | None = None  # anchors.pem, issuer.pem and issuer.key of somebody else's; None: those of the Secret
    pod: str = ""  # its own name, where it runs in a pod
    scoped: bool = False  # a mesh of its own namespace only, with no right beyond it
    namespace: str = NAMESPACE
    trust_domain: str = "cluster.local"
    kubeconfig: str = ""  # empty: the pod's own service account
    context: str = ""
    listen: str = "0.0.0.0"
    ports: Ports = field(default_factory=Ports)
    names: tuple[str, ...] = ()  # more DNS names for the certificate: webhooks by URL

    @property
    def identity(self) -> SpiffeId:
        return SpiffeId(self.trust_domain, self.namespace, "meshtui-controller")

    @property
    def dns(self) -> tuple[str, ...]:
        """The names that the API server and sidecars know the control plane by."""
        services = ("meshtui-observe", "meshtui-webhook")
        return (DNS_NAME, *(f"{service}.{self.namespace}.svc" for service in services), *self.names)
