"""Names of workloads on the wire: SPIFFE IDs, and targets such as `voting.emojivoto:8080`.

Pure parsing; every part of the product that reads or writes such a name does it here.
"""

import re
from typing import NamedTuple

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LABEL_RE = re.compile(_LABEL)
_TRUST_DOMAIN_RE = re.compile(r"[a-z0-9._-]{1,255}")
_TARGET_RE = re.compile(
    rf"(?P<name>{_LABEL})(?:\.(?P<namespace>{_LABEL})(?:\.svc(?:\.[a-z0-9.-]+)?)?)?\.?(?::(?P<port>[a-z0-9-]{{1,15}}))?",
    re.IGNORECASE,
)


class SpiffeId(NamedTuple):
    """`spiffe://<trust_domain>/ns/<namespace>/sa/<service_account>` (SPIFFE-ID, section 2)."""

    trust_domain: str
    namespace: str
    service_account: str

    def __str__(self) -> str:
        return f"spiffe://{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"


def parse_spiffe(text: str) -> SpiffeId:
    """Return the parts of a SPIFFE ID; raises ValueError with the reason for anything else."""
    if not text.startswith("spiffe://"):
        raise ValueError(f"{text!r} is not a SPIFFE ID: it must begin with spiffe://")
    parts = text[len("spiffe://") :].split("/")
    if len(parts) != 5 or parts[1] != "ns" or parts[3] != "sa":
        raise ValueError(f"{text!r} is not a SPIFFE ID of a workload: spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT")
    domain, _, namespace, _, account = parts
    if not is_trust_domain(domain):
        raise ValueError(f"{text!r} has a trust domain that is not lower-case letters, digits, '.', '-' or '_'")
    for label in (namespace, account):
        if not is_label(label):
            raise ValueError(f"{text!r} has a part {label!r} that is not a DNS label")
    return SpiffeId(domain, namespace, account)


def is_trust_domain(text: str) -> bool:
    """Tell whether a name can be a trust domain (SPIFFE-ID, section 2.1)."""
    return _TRUST_DOMAIN_RE.fullmatch(text) is not None


def is_label(text: str) -> bool:
    """Tell whether a name is a DNS label (RFC 1123), as Kubernetes asks of names."""
    return _LABEL_RE.fullmatch(text) is not None


class Target(NamedTuple):
    """What a client asks for: a service by name, with a port's number or name; empty where not said.

    An address stands for itself: its name is the IP, it is in no namespace, and it has a port.
    """

    name: str
    namespace: str
    port: str

    def __str__(self) -> str:
        if self.is_address:
            return join(self.name, self.port)
        return f"{self.name}.{self.namespace}" + (f":{self.port}" if self.port else "")

    @property
    def is_address(self) -> bool:
        return not self.namespace


def join(host: str, port: int | str) -> str:
    """Return `host:port` as an authority has it: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(text: str) -> Target | None:
    """Return the target that `10.0.0.1:80` or `[fd00::1]:80` is; None for anything else."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return None
    import ipaddress  # late: a sidecar that is asked for names alone does without

    try:
        ip = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    if host.startswith("[") is not (ip.version == 6):
        return None
    return Target(str(ip), "", str(int(port)))


def parse_target(authority: str, namespace: str) -> Target | None:
    """Return the target an authority names, seen from `namespace`; None if it cannot be a service's name."""
    match = _TARGET_RE.fullmatch(authority)
    if match is None:
        return None
    name, ns, port = match["name"], match["namespace"], match["port"]
    return Target(name.lower(), (ns or namespace).lower(), port.lower() if port else "")
