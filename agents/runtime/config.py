"""The configuration of a sidecar: one JSON document, checked whole before anything starts.

The launcher writes it (on the sidecar's stdin, so that the token in it touches no disk), in a pod the injector (into
the environment, completed by the kubelet); `agents sidecar` reads it.
Every refusal is one line that names the field.
"""

import os
import re
import socket
import sys
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

from agents.runtime.decode import DecodeError, between, decode
from agents.runtime.ports import parse_ports
from meshcore.wire.ids import SpiffeId, is_label

REFUSED = 78  # exit status, EX_CONFIG of sysexits.h
MOST_WORKERS = 64
_PROTOCOLS = ("", "http", "http1", "http2", "h2", "h2c", "grpc", "tcp", "opaque")
_LEVELS = ("debug", "info", "warning", "error")
_LISTEN = re.compile(r"(?P<host>[0-9.]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})|fd:(?P<fd>[0-9]{1,6})")


class ConfigError(Exception):
    """A configuration that cannot be used; `str()` is one line that names the field and the reason."""


class Listen(NamedTuple):
    """Where to listen: an address, or a listening socket that the parent process left open."""

    host: str
    port: int
    fd: int | None

    def bind(self) -> socket.socket:
        """Return the listening socket; OSError if the address cannot be had."""
        if self.fd is not None:
            listening = socket.socket(fileno=self.fd)
        else:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            listening = socket.create_server((self.host, self.port), family=family, backlog=1024)
        listening.setblocking(False)
        return listening


def parse_listen(text: str) -> Listen:
    """Return the parts of `127.0.0.1:8080`, `[::1]:8080` or `fd:3`; raises ValueError for anything else."""
    match = _LISTEN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is neither IP:PORT nor fd:NUMBER")
    if match["fd"]:
        return Listen("", 0, int(match["fd"]))
    port = int(match["port"])
    if port > 65535:
        raise ValueError(f"{text!r} has a port above 65535")
    return Listen(match["host"].strip("[]"), port, None)


@dataclass(frozen=True, kw_only=True)
class Inbound:
    """One port of the application, and where the sidecar listens for it."""

    name: str
    port: int = field(metadata=between(1, 65535))
    listen: str = ""  # empty with `transparent` only
    # Or "unix:/path" of the application's socket. Empty: 127.0.0.1; with `transparent` the address that was asked for.
    host: str = ""
    protocol: str = ""  # empty: detect
    opaque: bool = False


@dataclass(frozen=True, kw_only=True)
class Outbound:
    """One declared upstream: clients of this listener mean `target`."""

    target: str
    listen: str


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A listener with nothing else to say."""

    listen: str


@dataclass(frozen=True, kw_only=True)
class Transparent:
    """Listeners for what the rules of `agents redirect` bring here, and what those rules leave out."""

    inbound: tuple[str, ...]
    outbound: tuple[str, ...]
    addresses: tuple[str, ...]  # of this pod, and nobody else's; one may be several, with commas (status.podIPs)
    skip_inbound: str = ""  # as in --skip-inbound-ports


@dataclass(frozen=True, kw_only=True)
class SidecarConfig:
    """All that a sidecar is told when it starts."""

    namespace: str
    name: str
    pod: str
    trust_domain: str
    identity_address: str
    control_address: str
    anchors_pem: str
    admin: Listener
    anchors_file: str = ""  # where the newest bundle is kept for the next start; empty: nowhere
    token: str = ""  # good once; or, in a pod:
    token_file: str = ""  # a projected service account token, which the kubelet keeps fresh
    kind: str = "deployment"
    service_account: str = ""  # empty: the workload's name
    zone: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    control_name: str = "control-plane.meshtui"
    inbound: tuple[Inbound, ...] = ()
    outbound: tuple[Outbound, ...] = ()
    proxy: Listener | None = None
    transparent: Transparent | None = None
    detect_timeout_s: float = field(default=10.0, metadata=between(0.001, 3600))
    # Of the sidecar, in equal shares of its processes; what is beyond is refused with the reason, and counted.
    max_connections: int = field(default=50_000, metadata=between(1, 10_000_000))  # fewer, if descriptors are fewer
    max_requests: int = field(default=100_000, metadata=between(1, 10_000_000))  # in flight
    max_streams: int = field(default=2000, metadata=between(1, 1_000_000))  # of one HTTP/2 client
    max_waiting_bytes: int = field(default=256 << 20, metadata=between(1 << 16, 1 << 40))  # for slow readers
    leave_s: float = field(default=0.2, metadata=between(0, 3600))  # between telling others and refusing connections
    drain_s: float = field(default=10.0, metadata=between(0, 3600))
    workers: int = field(default=1, metadata=between(1, MOST_WORKERS))  # processes that share its traffic
    log_level: str = "warning"

    @property
    def account(self) -> str:
        return self.service_account or self.name

    @property
    def identity(self) -> str:
        """The SPIFFE ID that this sidecar asks for and presents."""
        return str(SpiffeId(self.trust_domain, self.namespace, self.account))

    def read_token(self) -> str:
        """Return the token of now; raises OSError if its file cannot be read."""
        if self.token:
            return self.token
        with open(self.token_file, encoding="ascii") as file:
            return file.read().strip()

    def __repr__(self) -> str:
        return f"SidecarConfig({self.namespace}/{self.pod})"  # the token stays out of logs and tracebacks


BOUNDS: dict[str, tuple[int, int]] = {
    each.name: each.metadata["between"] for each in fields(SidecarConfig) if "between" in each.metadata
}


def read(data: bytes) -> SidecarConfig:
    """Return the configuration that a JSON document holds; raises ConfigError."""
    try:
        config = decode(data, SidecarConfig)
    except DecodeError as error:
        raise ConfigError(str(error)) from None
    transparent = config.transparent
    if transparent is not None:
        addresses = tuple(filter(None, ",".join(transparent.addresses).split(",")))
        config = replace(config, transparent=replace(transparent, addresses=addresses))
    _check(config)
    return config


def load(path: str) -> SidecarConfig:
    """Read a configuration from a file, from stdin (`-`) or from a variable (`env:NAME`); raises ConfigError."""
    if path.startswith("env:"):
        text = os.environ.get(path.removeprefix("env:"))
        if text is None:
            raise ConfigError(f"there is no variable {path.removeprefix('env:')} in the environment")
        return read(text.encode("utf-8", "surrogateescape"))
    try:
        if path == "-":
            return read(sys.stdin.buffer.read())
        with open(path, "rb") as file:
            return read(file.read())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


def _check(config: SidecarConfig) -> None:
    """Check what types do not say."""
    for name in ("namespace", "name", "account", "pod"):
        value = getattr(config, name)
        if not is_label(value):
            raise ConfigError(f"{name}: {value!r} is not a DNS label: lower-case letters, digits and '-'")
    if config.log_level not in _LEVELS:
        raise ConfigError(f"log_level: {config.log_level!r} is not one of {', '.join(_LEVELS)}")
    if bool(config.token) == bool(config.token_file):
        raise ConfigError("token: give either token or token_file")
    if "-----BEGIN CERTIFICATE-----" not in config.anchors_pem:
        raise ConfigError("anchors_pem: holds no PEM certificate")
    for name in ("identity_address", "control_address"):
        host, colon, port = getattr(config, name).rpartition(":")
        if not (host and colon and port.isascii() and port.isdigit()):
            raise ConfigError(f"{name}: {getattr(config, name)!r} is not HOST:PORT")
    listens = {"admin.listen": config.admin.listen}
    if config.proxy is not None:
        listens["proxy.listen"] = config.proxy.listen
    for i, inbound in enumerate(config.inbound):
        if inbound.listen or config.transparent is None:
            listens[f"inbound[{i}].listen"] = inbound.listen
        if inbound.protocol not in _PROTOCOLS:
            known = ", ".join(filter(None, _PROTOCOLS))
            raise ConfigError(f"inbound[{i}].protocol: {inbound.protocol!r} is not one of {known}")
    for i, outbound in enumerate(config.outbound):
        listens[f"outbound[{i}].listen"] = outbound.listen
        if not outbound.target:
            raise ConfigError(f"outbound[{i}].target: is empty")
    if config.transparent is not None:
        listens |= _check_transparent(config.transparent)
    _check_listens(listens)


def _check_transparent(transparent: Transparent) -> dict[str, str]:
    """Return its listeners by name."""
    for i, address in enumerate(transparent.addresses):
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        except OSError:
            raise ConfigError(f"transparent.addresses[{i}]: {address!r} is no IP address") from None
    try:
        parse_ports(transparent.skip_inbound)
    except ValueError as error:
        raise ConfigError(f"transparent.skip_inbound: {error}") from None
    listens = {}
    for name in ("inbound", "outbound", "addresses"):
        if not getattr(transparent, name):
            raise ConfigError(f"transparent.{name}: is empty")
    for name in ("inbound", "outbound"):
        for i, listen in enumerate(getattr(transparent, name)):
            listens[f"transparent.{name}[{i}]"] = listen
    return listens


def _check_listens(listens: dict[str, str]) -> None:
    taken: dict[Listen, str] = {}
    for name, text in listens.items():
        try:
            listen = parse_listen(text)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from None
        other = taken.setdefault(listen, name)
        if other != name and (listen.port or listen.fd is not None):
            raise ConfigError(f"{name}: {text} is already {other}")
