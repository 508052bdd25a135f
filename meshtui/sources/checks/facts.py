"""What the checks of a cluster look at: objects, answers of the control plane, and what could not be seen; no I/O.

gather.py fills it in. What is forbidden is no failure of the mesh: `unseen` says what one needs to see it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from meshcore.client.failure import ClientError
from meshcore.kube.act import Act
from meshcore.kube.failure import FORBIDDEN, KubeError
from meshcore.kube.objects import Kind, Object
from meshcore.kube.review import Verdict
from meshcore.wire.control_pb2 import CheckCategory, CheckItem, HelloResponse
from meshcore.wire.discovery_pb2 import Pod
from meshtui.model.check import bad, weak

Value = TypeVar("Value")
Place = tuple[Kind, str, str]  # kind, namespace ("" without) and name

NAMESPACE = "meshtui"  # where the mesh is installed, unless somebody says otherwise
# Not what would allow it: rights over the whole cluster are none to give away for a look.
ELSEWHO = "an administrator of the cluster sees it with the same command"
_UPGRADE = "`meshtui upgrade{} | kubectl apply --server-side --force-conflicts -f -`"


@dataclass(frozen=True, slots=True)
class Seen(Generic[Value]):
    """An answer: `value`; or, without a failure, that there is none; or why it could not be seen."""

    value: Value | None = None
    failure: KubeError | ClientError | None = None
    needs: str = ""  # the right that would show it

    @property
    def absent(self) -> bool:
        return self.value is None and self.failure is None


NOTHING: Seen[Any] = Seen()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was found out. `mesh` is the control plane's namespace, `namespace` the data plane's ("": all)."""

    where: str
    now: datetime
    mesh: str
    namespace: str = ""
    scoped: bool = False  # the mesh is of one namespace alone: no webhook, no aggregated API, no cluster role
    me: Seen[Object] = NOTHING  # a SelfSubjectReview: who asks, and what time it is there
    version: Seen[Object] = NOTHING
    objects: Mapping[Place, Seen[Object]] = field(default_factory=dict)
    verdicts: Seen[Mapping[Act, Verdict]] = NOTHING  # what the asker may do
    controllers: Seen[Sequence[Object]] = NOTHING  # the control plane's pods
    hello: Seen[HelloResponse] = NOTHING
    told: Seen[Sequence[CheckCategory]] = NOTHING  # the control plane's own checks
    pods: Seen[Sequence[Pod]] = NOTHING

    @property
    def upgrade(self) -> str:
        """The command that makes the mesh what this version installs."""
        return self.upgrade_with()

    def upgrade_with(self, *flags: str) -> str:
        """Return that command with more flags."""
        words = ["--namespaced"] if self.scoped else []
        if self.scoped or self.mesh != NAMESPACE:
            words.append(f"--mesh-namespace {self.mesh}")
        return _UPGRADE.format("".join(f" {word}" for word in (*words, *flags)))

    @property
    def repair(self) -> str:
        return f"{self.upgrade} puts back what is missing"

    def see(self, kind: Kind, name: str, namespace: str = "") -> Seen[Object]:
        return self.objects[kind, namespace, name]


def unseen(what: str, seen: Seen[Any]) -> CheckItem | None:
    """Return what to show for something that could not be seen; None: it could, or it is not there."""
    failure = seen.failure
    if failure is None:
        return None
    if failure.code == FORBIDDEN:
        return weak(what, f"not seen: needs {seen.needs}", ELSEWHO)
    return bad(what, f"not seen: {failure.message}", failure.hint or "look again in a moment")


def absent(what: str, seen: Seen[Any], error: str, hint: str) -> CheckItem | None:
    """Return what to show for something that could not be seen or is not there; None: it is."""
    return unseen(what, seen) or (bad(what, error, hint) if seen.value is None else None)
