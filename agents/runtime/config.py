"""The configuration of a sidecar: one JSON document, checked whole before anything starts.

The launcher writes it (on the sidecar's stdin, so that the token in it touches no disk), `agents sidecar` reads it.
Every refusal is one line that names the field.
"""

import re
import socket
import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from meshcore.wire.ids import SpiffeId, is_label

REFUSED = 78  # exit status, EX_CONFIG of sysexits.h
_PROTOCOLS = ("", "http", "http1", "http2", "h2", "h2c", "grpc", "tcp", "opaque")
_LEVELS = ("debug", "info", "warning", "error")
_LISTEN = re.compile(r"(?P<host>[0-9.]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})|fd:(?P<fd>[0-9]{1,6})")

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


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


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all parts have in common: immutable, and no field that nobody knows."""


class Inbound(_Struct, frozen=True):
    """One port of the application, and where the sidecar listens for it."""

    name: str
    port: Port
    listen: str
    host: str = "127.0.0.1"  # or "unix:/path" of the application's socket
    protocol: str = ""  # empty: detect
    opaque: bool = False


class Outbound(_Struct, frozen=True):
    """One declared upstream: clients of this listener mean `target`."""

    target: str
    listen: str


class Listener(_Struct, frozen=True):
    """A listener with nothing else to say."""

    listen: str


class SidecarConfig(_Struct, frozen=True):
    """All that a sidecar is told when it starts."""

    namespace: str
    name: str
    pod: str
    trust_domain: str
    identity_address: str
    control_address: str
    anchors_pem: str
    token: str
    admin: Listener
    kind: str = "deployment"
    service_account: str = ""  # empty: the workload's name
    zone: str = ""
    labels: dict[str, str] = {}
    control_name: str = "control-plane.meshtui"
    inbound: tuple[Inbound, ...] = ()
    outbound: tuple[Outbound, ...] = ()
    proxy: Listener | None = None
    detect_timeout_s: Seconds = 10.0
    drain_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    log_level: str = "warning"

    @property
    def account(self) -> str:
        return self.service_account or self.name

    @property
    def identity(self) -> str:
        """The SPIFFE ID that this sidecar asks for and presents."""
        return str(SpiffeId(self.trust_domain, self.namespace, self.account))

    def __repr__(self) -> str:
        return f"SidecarConfig({self.namespace}/{self.pod})"  # the token stays out of logs and tracebacks


def read(data: bytes) -> SidecarConfig:
    """Return the configuration that a JSON document holds; raises ConfigError."""
    try:
        config = msgspec.json.decode(data, type=SidecarConfig)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        where = place.rstrip("`").lstrip(".")
        raise ConfigError(f"{where}: {_plain(reason)}" if where else _plain(reason)) from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"not JSON: {error}") from None
    _check(config)
    return config


def load(path: str) -> SidecarConfig:
    """Read a configuration from a file, or from stdin if `path` is `-`; raises ConfigError."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    return read(data)


def _plain(reason: str) -> str:
    """Say msgspec's reason in our words: fields have no dollar signs here."""
    return reason.replace("Object missing required field", "missing field").replace(
        "Object contains unknown field", "unknown field"
    )


def _check(config: SidecarConfig) -> None:
    """Check what types do not say."""
    for field in ("namespace", "name", "account", "pod"):
        value = getattr(config, field)
        if not is_label(value):
            raise ConfigError(f"{field}: {value!r} is not a DNS label: lower-case letters, digits and '-'")
    if config.log_level not in _LEVELS:
        raise ConfigError(f"log_level: {config.log_level!r} is not one of {', '.join(_LEVELS)}")
    if "-----BEGIN CERTIFICATE-----" not in config.anchors_pem:
        raise ConfigError("anchors_pem: holds no PEM certificate")
    for field in ("identity_address", "control_address"):
        host, colon, port = getattr(config, field).rpartition(":")
        if not (host and colon and port.isascii() and port.isdigit()):
            raise ConfigError(f"{field}: {getattr(config, field)!r} is not HOST:PORT")
    listens = {"admin.listen": config.admin.listen}
    if config.proxy is not None:
        listens["proxy.listen"] = config.proxy.listen
    for i, inbound in enumerate(config.inbound):
        listens[f"inbound[{i}].listen"] = inbound.listen
        if inbound.protocol not in _PROTOCOLS:
            known = ", ".join(filter(None, _PROTOCOLS))
            raise ConfigError(f"inbound[{i}].protocol: {inbound.protocol!r} is not one of {known}")
    for i, outbound in enumerate(config.outbound):
        listens[f"outbound[{i}].listen"] = outbound.listen
        if not outbound.target:
            raise ConfigError(f"outbound[{i}].target: is empty")
    _check_listens(listens)


def _check_listens(listens: dict[str, str]) -> None:
    taken: dict[Listen, str] = {}
    for field, text in listens.items():
        try:
            listen = parse_listen(text)
        except ValueError as error:
            raise ConfigError(f"{field}: {error}") from None
        other = taken.setdefault(listen, field)
        if other != field and (listen.port or listen.fd is not None):
            raise ConfigError(f"{field}: {text} is already {other}")
