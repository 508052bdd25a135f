"""What the checks of a cluster look at: objects, answers of the control plane, and what could not be seen; no I/O.

gather.py fills it in. What is forbidden is no failure of the mesh: `unseen` says what one needs to see it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from meshcore.client.failure import ClientError
from meshcore.inject.images import parts
from meshcore.inject.names import ANCHORS_MAP, CONFIG_MAP
from meshcore.kube.act import Act
from meshcore.kube.failure import FORBIDDEN, KubeError
from meshcore.kube.objects import CONFIG_MAPS, DEPLOYMENTS, Kind, Object
from meshcore.kube.review import Verdict
from meshcore.wire.control_pb2 import CheckCategory, CheckItem, HelloResponse
from meshcore.wire.discovery_pb2 import Pod
from meshtui.model.check import bad, weak

Value = TypeVar("Value")
Place = tuple[Kind, str, str]  # kind, namespace ("" without) and name

ACCOUNT = "meshtui-controller"
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
    others: Seen[Sequence[str]] = NOTHING  # what runs in the mesh's namespace besides it
    told: Seen[Sequence[CheckCategory]] = NOTHING  # the control plane's own checks
    pods: Seen[Sequence[Pod]] = NOTHING

    @property
    def upgrade(self) -> str:
        """The command that makes the mesh what this version installs."""
        return self.upgrade_with()

    def upgrade_with(self, *flags: str) -> str:
        """Return that command with more flags."""
        return _UPGRADE.format(self._flags(*flags))

    def _flags(self, *more: str) -> str:
        words = ["--namespaced"] if self.scoped else []
        if self.scoped or self.mesh != NAMESPACE:
            words.append(f"--mesh-namespace {self.mesh}")
        return "".join(f" {word}" for word in (*words, *more))

    @property
    def repair(self) -> str:
        """What puts back a part of the mesh, with the images it has; or all of it, where there is nothing to keep."""
        kept = ((CONFIG_MAPS, self.mesh, CONFIG_MAP), (CONFIG_MAPS, self.mesh, ANCHORS_MAP), self._deployment)
        if all(self.objects.get(place, NOTHING).absent for place in kept):
            return f"`meshtui install{self._flags()} | kubectl apply -f -` makes the mesh anew"
        return f"{self.as_it_is()} puts back what is missing"

    def as_it_is(self, *flags: str) -> str:
        """Return the command that makes the mesh anew, of images that have the tag of those it has."""
        _, tag, digest = parts(self.image)
        own = bool(self.image) and not digest and not is_release(tag)
        return self.upgrade_with(*([f"--image-tag {tag or 'latest'}"] if own else []), *flags)

    @property
    def image(self) -> str:
        """The control plane's, as its Deployment names it; empty where that is not seen."""
        return image_of(self.objects.get(self._deployment, NOTHING).value or {})

    @property
    def _deployment(self) -> Place:
        return DEPLOYMENTS, self.mesh, ACCOUNT

    def see(self, kind: Kind, name: str, namespace: str = "") -> Seen[Object]:
        return self.objects[kind, namespace, name]


def image_of(deployment: Mapping[str, Any]) -> str:
    """Return the image of a Deployment's first container."""
    containers = (((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or [{}]
    return str(containers[0].get("image") or "")


def is_release(tag: str) -> bool:
    """Tell whether an image's tag is a version of ours; one of somebody's own is theirs to know."""
    return tag[:1].isdigit()


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
