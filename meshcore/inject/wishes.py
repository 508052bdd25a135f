"""What one pod's sidecar is given: the settings, overridden by its namespace's annotations and by its own. Pure."""

from collections.abc import Callable, Mapping

import msgspec

from meshcore.inject import names, problems
from meshcore.inject.settings import Proxy, Settings


class WishError(Exception):
    """An annotation that cannot be followed; `str()` names it and says why."""


class Wishes(msgspec.Struct, frozen=True):
    """One sidecar's settings."""

    image: str
    pull_policy: str
    proxy: Proxy


def _flag(text: str) -> str:
    return "" if text in ("enabled", "disabled") else f"{text!r} is neither enabled nor disabled"


_PROXY: dict[str, tuple[str, Callable[[str], str]]] = {
    names.LOG_LEVEL: ("log_level", problems.level),
    names.CPU_REQUEST: ("cpu_request", problems.quantity),
    names.CPU_LIMIT: ("cpu_limit", problems.quantity),
    names.MEMORY_REQUEST: ("memory_request", problems.quantity),
    names.MEMORY_LIMIT: ("memory_limit", problems.quantity),
    names.OPAQUE_PORTS: ("opaque_ports", problems.ports),
    names.SKIP_INBOUND: ("skip_inbound_ports", problems.ports),
    names.SKIP_OUTBOUND: ("skip_outbound_ports", problems.ports),
    names.SKIP_NETWORKS: ("skip_networks", problems.networks),
    names.DRAIN: ("drain_timeout", problems.duration),
    names.DETECT: ("detect_timeout", problems.duration),
    names.APP_PRE_STOP: ("app_pre_stop", problems.pre_stop),
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
        changed["workers"] = int(_checked(names.WORKERS, given[names.WORKERS], problems.workers))
    image, policy = settings.images.agents, settings.images.pull_policy
    if names.PROXY_IMAGE in given:
        image = _checked(names.PROXY_IMAGE, given[names.PROXY_IMAGE], problems.image)
    if names.PULL_POLICY in given:
        policy = _checked(names.PULL_POLICY, given[names.PULL_POLICY], problems.pull)
    proxy = msgspec.structs.replace(settings.proxy, **changed)
    for limit, request, found in (
        (names.CPU_LIMIT, names.CPU_REQUEST, problems.limit(proxy.cpu_limit, proxy.cpu_request)),
        (names.MEMORY_LIMIT, names.MEMORY_REQUEST, problems.limit(proxy.memory_limit, proxy.memory_request)),
    ):
        if found:
            raise WishError(f"annotations {limit} and {request}: {found}")
    return Wishes(image, policy, proxy)


def _checked(annotation: str, text: str, problem: Callable[[str], str]) -> str:
    found = problem(text)
    if found:
        raise WishError(f"annotation {annotation}: {found}")
    return text
