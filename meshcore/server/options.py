"""What a control plane is told when it starts."""

from dataclasses import dataclass
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
