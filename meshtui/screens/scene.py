"""What all views of one app share: the mesh they ask, what is known of it, and how they may draw.

The app makes one and hands it to every view; views read it, only the app writes.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from meshcore.wire.control_pb2 import CheckCategory, StatusResponse
from meshtui.model.scope import Trouble
from meshtui.sources.mesh import Mesh


@dataclass(slots=True)
class Scene:
    """The state that outlives a view."""

    mesh: Mesh | None
    complete: Callable[[str], Sequence[str]]
    ascii: bool = False
    namespace: str = ""
    status: StatusResponse | None = None
    trouble: Trouble | None = None
    lost_since: float = 0.0
    ended: bool = False  # not only the control plane is away, the whole mesh is
    history: list[str] = field(default_factory=list)  # of commands
    header: bool = True
    clock: Callable[[], float] = time.time
    machine: Callable[[], Sequence[CheckCategory]] = tuple  # checks of this machine, which the command line has
    crumbs: list[str] = field(default_factory=list)

    @property
    def loss(self) -> str:
        """What is lost, in a few words."""
        return f"mesh {self.mesh.name} has ended" if self.ended and self.mesh is not None else "control plane lost"

    @property
    def namespaces(self) -> list[str]:
        """Return the namespaces that have a digit; Kubernetes' own come last, as little happens there."""
        found = self.status.namespaces if self.status is not None else ()
        return sorted(found, key=lambda name: name.startswith("kube-"))

    @property
    def only(self) -> str:
        """The one namespace that may be looked at; empty: all may."""
        return self.mesh.only if self.mesh is not None else ""
