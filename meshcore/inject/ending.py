"""How the end of a pod is arranged: for how long its applications go on, and how its sidecar's time is divided.

A pod that is told to end is still asked for a moment, by whoever has not heard of it. patch.py writes what is decided
here; README says what people may choose. Pure.
"""

from collections.abc import Collection, MutableMapping
from typing import Any, NamedTuple

from meshcore.inject import blank
from meshcore.inject.decide import Object
from meshcore.inject.settings import Proxy
from meshcore.wire.duration import milliseconds

GRACE_S = 30  # Kubernetes' default for a pod
MARGIN_S = 3.0  # of the grace period, for the last counters
NEWS_S = 0.2  # until others have heard that this sidecar leaves: its applications have ended, if it is a native one
BESIDE_S = 5.0  # for applications that are told to end at the same time as their sidecar, and still speak through it


class Ending(NamedTuple):
    """Seconds: applications go on for `pause`, the sidecar for `leave`, and what is open then has `drain`."""

    pause: int
    leave: float
    drain: float


def ending(spec: Object, proxy: Proxy) -> Ending:
    """Divide the grace period of a pod: never more than half of it before its applications are told to end."""
    given = spec.get("terminationGracePeriodSeconds")
    grace = given if isinstance(given, int) and given >= 0 else GRACE_S
    pause = min(seconds(proxy.app_pre_stop), grace // 2)
    # The kubelet ends native sidecars after everything else, others at the same time.
    leave = NEWS_S if proxy.native_sidecar else min(pause + BESIDE_S, max(NEWS_S, grace - MARGIN_S))
    before = pause if proxy.native_sidecar else leave
    return Ending(pause, leave, max(0.0, min(milliseconds(proxy.drain_timeout) / 1000, grace - before - MARGIN_S)))


def seconds(pre_stop: str) -> int:
    """Return a setting in whole seconds; none is 0."""
    return 0 if pre_stop in ("", "0s") else milliseconds(pre_stop) // 1000


def pause(spec: Object, length: int) -> list[str]:
    """Have a pod's applications go on for so long, but for those that arrange their end themselves; return which."""
    paused = []
    for container in spec.get("containers") or ():
        lifecycle: MutableMapping[str, Any] = container.get("lifecycle") or {}
        if not length or lifecycle.get("preStop"):
            continue
        lifecycle["preStop"] = {"sleep": {"seconds": length}}  # an action of Kubernetes 1.30: images need no program
        container["lifecycle"] = lifecycle
        paused.append(str(container.get("name", "")))
    return paused


def resume(spec: Object, paused: list[str], noted: Collection[str] = ()) -> None:
    """Take out what `pause` put in; `noted` says what was there before, as blank.py has it."""
    for container in spec.get("containers") or ():
        lifecycle = container.get("lifecycle")
        if container.get("name") in paused and lifecycle and "sleep" in (lifecycle.get("preStop") or {}):
            del lifecycle["preStop"]
            blank.clear(container, "lifecycle", noted, blank.owner(container))
