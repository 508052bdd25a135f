"""How the mesh of a cluster is set up: the document in ConfigMap meshtui-config, checked to the last field.

`meshtui install` writes it, the injector, `meshtui inject` and the control plane follow it. Pure.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import yaml

from meshcore.wire.duration import milliseconds

DEFAULT_OPAQUE = "25,587,3306,4444,5432,6379,9300,11211"  # as Linkerd has them
DEFAULT_SKIP = "4567,4568"
MOST_WORKERS = 64
SHORTEST_LIFE_MS = 60_000  # clocks may differ by 20 s, and a renewal takes its time
LEVELS = ("debug", "info", "warning", "error")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_UNITS = {"m": Decimal("0.001"), "": Decimal(1)} | {
    f"{letter}{binary}": Decimal(1024 if binary else 1000) ** power
    for power, letter in enumerate("kMG", 1)
    for binary in ("", "i")
}
_UNITS["Ki"] = _UNITS.pop("ki")
QUANTITY = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:m|k|Ki|M|Mi|G|Gi)?")
_PORTS = re.compile(r"(?:[0-9]{1,5}(?:-[0-9]{1,5})?)(?:,[0-9]{1,5}(?:-[0-9]{1,5})?)*|")

Quantity = Annotated[str, msgspec.Meta(pattern=rf"^(?:{QUANTITY.pattern})?$")]


class SettingsError(Exception):
    """Settings that cannot be used; `str()` names the field and the reason."""


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Unknown fields are errors: a misspelt one would be silently without effect."""


class Images(Struct, frozen=True, kw_only=True):
    """Which images run, and when they are fetched."""

    agents: str
    controller: str
    pull_policy: str = "IfNotPresent"


class Addresses(Struct, frozen=True, kw_only=True):
    """Where sidecars find the control plane, HOST:PORT each, and the name that its certificate has."""

    identity: str
    control: str
    name: str = "control-plane.meshtui"
    by_ip: bool = False  # sidecars are given the Services' addresses instead of their names: clusters without DNS


class Identity(Struct, frozen=True, kw_only=True):
    """What is certified."""

    leaf_lifetime: str = "24h"  # of a sidecar's certificate, which is renewed after about two thirds of it
    external: bool = False  # somebody else (cert-manager) keeps the issuer: the control plane never makes one

    @property
    def leaf_life(self) -> timedelta:
        return timedelta(milliseconds=milliseconds(self.leaf_lifetime))


class Proxy(Struct, frozen=True, kw_only=True):
    """What every sidecar is given; annotations of a pod or its namespace come first."""

    cpu_request: Quantity = "20m"
    cpu_limit: Quantity = ""
    memory_request: Quantity = "48Mi"
    memory_limit: Quantity = "256Mi"
    log_level: str = "warning"
    opaque_ports: str = DEFAULT_OPAQUE
    skip_inbound_ports: str = DEFAULT_SKIP
    skip_outbound_ports: str = DEFAULT_SKIP
    skip_networks: str = ""
    native_sidecar: bool = True
    drain_timeout: str = "30s"  # for what is open at a sidecar's end; never longer than the pod's grace period
    app_pre_stop: str = ""  # how long applications go on as before when their pod is told to end; empty: no time
    detect_timeout: str = "10s"
    workers: Annotated[int, msgspec.Meta(ge=1, le=MOST_WORKERS)] = 1  # processes of one sidecar
    ipv6: bool = False  # listen on IPv6 too: dual-stack and IPv6-only clusters


class Settings(Struct, frozen=True, kw_only=True):
    """The whole document."""

    trust_domain: str = "cluster.local"
    images: Images
    addresses: Addresses
    identity: Identity = Identity()
    proxy: Proxy = Proxy()


def read(text: str) -> Settings:
    """Return the settings that a document holds; raises SettingsError."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"not YAML: {' '.join(str(error).split())}") from None
    return convert(document)


def convert(document: Any) -> Settings:
    """Return settings from a decoded document; raises SettingsError."""
    try:
        settings = msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from None
    proxy = settings.proxy
    for field, problem in (
        ("identity.leafLifetime", life_problem(settings.identity.leaf_lifetime)),
        ("images.pullPolicy", pull_problem(settings.images.pull_policy)),
        ("proxy.logLevel", level_problem(proxy.log_level)),
        ("proxy.cpuLimit", limit_problem(proxy.cpu_limit, proxy.cpu_request)),
        ("proxy.memoryLimit", limit_problem(proxy.memory_limit, proxy.memory_request)),
        ("proxy.opaquePorts", ports_problem(proxy.opaque_ports)),
        ("proxy.skipInboundPorts", ports_problem(proxy.skip_inbound_ports)),
        ("proxy.skipOutboundPorts", ports_problem(proxy.skip_outbound_ports)),
        ("proxy.drainTimeout", duration_problem(proxy.drain_timeout)),
        ("proxy.detectTimeout", duration_problem(proxy.detect_timeout)),
        ("proxy.appPreStop", pre_stop_problem(proxy.app_pre_stop)),
    ):
        if problem:
            raise SettingsError(f"{problem} - at `$.{field}`")
    return settings


def write(settings: Settings) -> str:
    """Return the document of settings."""
    return str(yaml.safe_dump(msgspec.to_builtins(settings), sort_keys=False))


def pull_problem(text: str) -> str:
    """Return what is wrong with an image pull policy; empty: nothing."""
    return "" if text in PULL_POLICIES else f"{text!r} is none of {', '.join(PULL_POLICIES)}"


def level_problem(text: str) -> str:
    """Return what is wrong with a log level; empty: nothing."""
    return "" if text in LEVELS else f"{text!r} is none of {', '.join(LEVELS)}"


def quantity_problem(text: str) -> str:
    """Return what is wrong with a quantity of Kubernetes'; empty: nothing."""
    return "" if QUANTITY.fullmatch(text) else f"{text!r} is no quantity; write for example 100m, 0.5 or 64Mi"


def limit_problem(limit: str, request: str) -> str:
    """Return what is wrong with a limit, given the request; the API server refuses pods over it, not the sidecar."""
    if not limit or not request or _amount(limit) >= _amount(request):
        return ""
    return f"{limit} is less than the request, {request}"


def _amount(quantity: str) -> Decimal:
    number = quantity.rstrip("mkKMGi")
    return Decimal(number) * _UNITS[quantity[len(number) :]]


def duration_problem(text: str) -> str:
    """Return what is wrong with a duration; empty: nothing."""
    try:
        milliseconds(text)
    except ValueError as error:
        return str(error)
    return ""


def life_problem(text: str) -> str:
    """Return what is wrong with a certificate's life."""
    problem = duration_problem(text)
    return problem or ("" if milliseconds(text) >= SHORTEST_LIFE_MS else f"{text!r} is shorter than a minute")


def pre_stop_problem(text: str) -> str:
    """Return what is wrong with a time to go on in whole seconds, as Kubernetes has it."""
    if text in ("", "0s"):
        return ""
    problem = duration_problem(text)
    return problem or ("" if milliseconds(text) % 1000 == 0 else f"{text!r} is not in whole seconds")


def workers_problem(text: str) -> str:
    """Return what is wrong with a number of processes."""
    good = text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_WORKERS
    return "" if good else f"{text!r} is not a number between 1 and {MOST_WORKERS}"


def ports_problem(text: str) -> str:
    """Return what is wrong with a list such as 25,9000-9010."""
    if not _PORTS.fullmatch(text):
        return f"{text!r} is no list of ports; write for example 25,9000-9010"
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        if not 1 <= int(low) <= int(high or low) <= 65535:
            return f"{part!r} is outside 1 to 65535, or ends before it begins"
    return ""
