"""ExternalService: servers outside the mesh, by name, with what a sidecar does to reach them."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from meshcore.kinds.fault import Fault
from meshcore.kinds.shape import Address, Host, PortNumber, Struct, described

_PEM = re.compile(r"\s*(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+")


class ExternalPort(Struct, frozen=True, kw_only=True):
    """One port of theirs."""

    number: Annotated[PortNumber, described("The port that programs ask for.")]
    protocol: (
        Annotated[
            Literal["HTTP", "HTTP2", "GRPC", "TLS", "TCP"],
            described("What programs speak on it; default: it is looked at."),
        ]
        | None
    ) = None
    target_port: Annotated[PortNumber, described("The port that is dialled; default: the same.")] | None = None


class ExternalTls(Struct, frozen=True, kw_only=True):
    """TLS on the way to them."""

    mode: Annotated[
        Literal["originate", "passthrough"],
        described("originate: the sidecar speaks TLS for the program; passthrough (default): the program does."),
    ] = "passthrough"
    server_name: Annotated[Host, described("Whom the certificate must be for; default: the host.")] | None = None
    ca_certificates: (
        Annotated[str, described("PEM of the authorities to trust; default: those of the system.", max_length=262_144)]
        | None
    ) = None

    def faults(self) -> Iterator[Fault]:
        if self.mode != "originate":
            for name, value in (("serverName", self.server_name), ("caCertificates", self.ca_certificates)):
                if value is not None:
                    yield Fault(
                        (name,), "has no effect unless the sidecar speaks TLS", "say mode: originate, or remove it"
                    )
        if self.ca_certificates is not None and not _PEM.fullmatch(self.ca_certificates):
            yield Fault(("caCertificates",), "is no PEM of certificates", "give -----BEGIN CERTIFICATE----- blocks")


class ExternalService(Struct, frozen=True, kw_only=True):
    """Servers outside the mesh, by name."""

    hosts: Annotated[
        tuple[Host, ...],
        described("Their names; *.example.com: any below it.", min_length=1, max_length=64),
    ]
    ports: Annotated[tuple[ExternalPort, ...], described("Their ports.", min_length=1, max_length=64)]
    addresses: Annotated[
        tuple[Address, ...], described("Where they are, for hosts that DNS does not know.", max_length=64)
    ] = ()
    tls: Annotated[ExternalTls, described("TLS on the way to them.")] | None = None

    def faults(self) -> Iterator[Fault]:
        for at, host in enumerate(self.hosts):
            if host in self.hosts[:at]:
                yield Fault(("hosts", at), f"{host!r} is there already", "remove one")
        numbers = [each.number for each in self.ports]
        for at, number in enumerate(numbers):
            if number in numbers[:at]:
                yield Fault(("ports", at, "number"), f"{number} is there already", "remove one")
        if self.addresses and any(host.startswith("*") for host in self.hosts):
            yield Fault(
                ("addresses",), "cannot be those of every host below a name", "name the hosts, or remove the addresses"
            )
