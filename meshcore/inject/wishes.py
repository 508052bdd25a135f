"""What one pod's sidecar is given: the settings, overridden by its namespace's annotations and by its own. Pure."""

import ipaddress
from collections.abc import Callable, Mapping

import msgspec

from meshcore.inject import names
from meshcore.inject.settings import (
    Proxy,
    Settings,
    duration_problem,
    level_problem,
    limit_problem,
    ports_problem,
    pre_stop_problem,
    pull_problem,
    quantity_problem,
    workers_problem,
)


class WishError(Exception):
    """An annotation that cannot be followed; `str()` names it and says why."""


class Wishes(msgspec.Struct, frozen=True):
    """One sidecar's settings."""

    image: str
    pull_policy: str
    proxy: Proxy


def _networks(text: str) -> str:
    for part in filter(None, (each.strip() for each in text.split(","))):
        try:
            ipaddress.ip_network(part)
        except ValueError as error:
            return f"{part!r} is no network: {error}"
    return ""


def _image(text: str) -> str:
    return "" if text and not any(sign.isspace() for sign in text) else f"{text!r} is no image"


def _flag(text: str) -> str:
    return "" if text in ("enabled", "disabled") else f"{text!r} is neither enabled nor disabled"


_PROXY: dict[str, tuple[str, Callable[[str], str]]] = {
    names.LOG_LEVEL: ("log_level", level_problem),
    names.CPU_REQUEST: ("cpu_request", quantity_problem),
    names.CPU_LIMIT: ("cpu_limit", quantity_problem),
    names.MEMORY_REQUEST: ("memory_request", quantity_problem),
    names.MEMORY_LIMIT: ("memory_limit", quantity_problem),
    names.OPAQUE_PORTS: ("opaque_ports", ports_problem),
    names.SKIP_INBOUND: ("skip_inbound_ports", ports_problem),
    names.SKIP_OUTBOUND: ("skip_outbound_ports", ports_problem),
    names.SKIP_NETWORKS: ("skip_networks", _networks),
    names.DRAIN: ("drain_timeout", duration_problem),
    names.DETECT: ("detect_timeout", duration_problem),
    names.APP_PRE_STOP: ("app_pre_stop", pre_stop_problem),
}


def wishes(settings: Settings, pod: Mapping[str, str], namespace: Mapping[str, str]) -> Wishes:
    """Return what the sidecar of a pod is given, from the annotations of both; raises WishError."""
    given = {name: value for name, value in namespace.items() if name in names.OVERRIDES}
    given |= {name: value for name, value in pod.items() if name in names.OVERRIDES}
    changed: dict[str, object] = {}
    for annotation, (field, problem) in _PROXY.items():
        if annotation in given:
            changed[field] = _checked(annotation, given[annotation], problem)
    if names.NATIVE_SIDECAR in given:
        changed["native_sidecar"] = _checked(names.NATIVE_SIDECAR, given[names.NATIVE_SIDECAR], _flag) == "enabled"
    if names.WORKERS in given:
        changed["workers"] = int(_checked(names.WORKERS, given[names.WORKERS], workers_problem))
    image, policy = settings.images.agents, settings.images.pull_policy
    if names.PROXY_IMAGE in given:
        image = _checked(names.PROXY_IMAGE, given[names.PROXY_IMAGE], _image)
    if names.PULL_POLICY in given:
        policy = _checked(names.PULL_POLICY, given[names.PULL_POLICY], pull_problem)
    proxy = msgspec.structs.replace(settings.proxy, **changed)
    for limit, request, found in (
        (names.CPU_LIMIT, names.CPU_REQUEST, limit_problem(proxy.cpu_limit, proxy.cpu_request)),
        (names.MEMORY_LIMIT, names.MEMORY_REQUEST, limit_problem(proxy.memory_limit, proxy.memory_request)),
    ):
        if found:
            raise WishError(f"annotations {limit} and {request}: {found}")
    return Wishes(image, policy, proxy)


def _checked(annotation: str, text: str, problem: Callable[[str], str]) -> str:
    found = problem(text)
    if found:
        raise WishError(f"annotation {annotation}: {found}")
    return text
