"""Which categories there are, in which order, and what each looks at; pure. One row is one category.

Where a row is fatal, what follows would only repeat its failure, and is left out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from meshcore.wire.control_pb2 import CheckCategory, CheckItem
from meshtui.model.check import failed
from meshtui.sources.checks import api, doors, existence, plane, setup, trust, workloads
from meshtui.sources.checks.facts import Facts

PRE, MESH, PROXY = "pre", "mesh", "proxy"  # what is looked at: before an install, the mesh, the mesh and its pods


@dataclass(frozen=True, slots=True)
class Room:
    """One category. `retried`: what is bad may become good by itself, as after an install."""

    name: str
    look: Callable[[Facts], Iterable[CheckItem]]
    modes: tuple[str, ...] = (MESH, PROXY)
    fatal: bool = False
    retried: bool = False
    when: Callable[[Facts], bool] = lambda facts: True  # what it is about belongs to this mesh


def _clustered(facts: Facts) -> bool:
    return not facts.scoped


ROOMS: Sequence[Room] = (
    Room("kubernetes-api", api.reached, (PRE, MESH, PROXY), fatal=True),
    Room("kubernetes-version", api.recent, (PRE, MESH, PROXY)),
    Room("pre-kubernetes-setup", setup.ready, (PRE,)),
    Room("meshtui-config", existence.configured),
    Room("meshtui-existence", existence.complete),
    Room("meshtui-identity", trust.authority),
    Room("meshtui-webhooks", doors.webhooks, when=_clustered, retried=True),
    Room("meshtui-apiservice", doors.apiservice, when=_clustered, retried=True),
    Room("meshtui-port-forward", doors.forwarded, when=lambda facts: facts.scoped, retried=True),
    Room("meshtui-control-plane", plane.running, retried=True),
    Room("meshtui-version", plane.version),
    Room("meshtui-ha", plane.available, when=plane.replicated, retried=True),
    Room("meshtui-data-plane", workloads.workloads, (PROXY,), retried=True),
)
# Rooms of the control plane's own checks, shown after ours: of the second kind only with the pods'.
_TOLD = {"meshtui-identity": (MESH, PROXY), "meshtui-stats": (PROXY,), "meshtui-tap": (PROXY,)}


def categories(facts: Facts, mode: str) -> list[CheckCategory]:
    """Return the categories of a mode, judged."""
    return list(_judged(facts, mode))


def waiting(found: Iterable[CheckCategory]) -> CheckItem | None:
    """Return the first bad check that may become good by itself."""
    retried = {room.name for room in ROOMS if room.retried}
    for category in found:
        if category.name in retried and failed([category]):
            return next(item for item in category.checks if failed([CheckCategory(checks=[item])]))
    return None


def _judged(facts: Facts, mode: str) -> Iterator[CheckCategory]:
    told = {each.name: each for each in facts.told.value or () if mode in _TOLD.get(each.name, ())}
    for room in ROOMS:
        if mode not in room.modes or not room.when(facts):
            continue
        category = CheckCategory(name=room.name, checks=room.look(facts))
        if room.name in told:
            category.checks.extend(told.pop(room.name).checks)
        yield category
        if room.fatal and failed([category]):
            return
    yield from told.values()
