"""How the mesh of a cluster is set up: the document in ConfigMap meshtui-config, checked to the last field.

`meshtui install` writes it, the injector, `meshtui inject` and the control plane follow it. Pure.
"""

from datetime import timedelta
from typing import Annotated, Any

import msgspec
import yaml

from meshcore.inject import problems
from meshcore.inject.problems import MOST_WORKERS, QUANTITY
from meshcore.wire.duration import milliseconds

DEFAULT_OPAQUE = "25,587,3306,4444,5432,6379,9300,11211"  # as Linkerd has them
DEFAULT_SKIP = "4567,4568"
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
    images, addresses = settings.images, settings.addresses
    for field, problem in (
        ("trustDomain", problems.domain(settings.trust_domain)),
        ("identity.leafLifetime", problems.life(settings.identity.leaf_lifetime)),
        ("images.agents", problems.image(images.agents)),
        ("images.controller", problems.image(images.controller)),
        ("images.pullPolicy", problems.pull(images.pull_policy)),
        ("addresses.identity", problems.address(addresses.identity)),
        ("addresses.control", problems.address(addresses.control)),
        ("proxy.logLevel", problems.level(proxy.log_level)),
        ("proxy.cpuLimit", problems.limit(proxy.cpu_limit, proxy.cpu_request)),
        ("proxy.memoryLimit", problems.limit(proxy.memory_limit, proxy.memory_request)),
        ("proxy.opaquePorts", problems.ports(proxy.opaque_ports)),
        ("proxy.skipInboundPorts", problems.ports(proxy.skip_inbound_ports)),
        ("proxy.skipOutboundPorts", problems.ports(proxy.skip_outbound_ports)),
        ("proxy.skipNetworks", problems.networks(proxy.skip_networks)),
        ("proxy.drainTimeout", problems.duration(proxy.drain_timeout)),
        ("proxy.detectTimeout", problems.duration(proxy.detect_timeout)),
        ("proxy.appPreStop", problems.pre_stop(proxy.app_pre_stop)),
    ):
        if problem:
            raise SettingsError(f"{problem} - at `$.{field}`")
    return settings


def write(settings: Settings) -> str:
    """Return the document of settings."""
    return str(yaml.safe_dump(msgspec.to_builtins(settings), sort_keys=False))
