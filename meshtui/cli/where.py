"""Which mesh a command means: the flags of a kubeconfig, which may stand anywhere, and what follows from none.

kubectl takes them before and after its verbs, so they are taken out before the verbs are parsed. With any of them a
cluster is meant, with --mesh a mesh of this machine; without either, the kubeconfig's cluster if the mesh is installed
there, else the mesh that runs here.
"""

import os
from collections.abc import Sequence

from meshcore.client.failure import ClientError
from meshcore.client.place import Place, PlaceError, find, running
from meshtui.cli.fault import USAGE, Fault
from meshtui.sources.kubeconfig import Kubeconfig, installed, present

FLAGS = {"--kubeconfig": "file", "--context": "context", "--as": "user", "--as-group": "groups", "--as-uid": "uid"}
PROBE_S = 1.5  # where a mesh runs on this machine, a cluster has so long to say that one is installed there, too
PATIENCE_S = 5.0

_current = Kubeconfig()


def take(words: Sequence[str]) -> list[str]:
    """Keep the kubeconfig's flags in mind and return the other words; raises Fault for one without its value."""
    global _current  # noqa: PLW0603 - a process runs one command
    found: dict[str, list[str]] = {}
    rest: list[str] = []
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *left]
        elif flag not in FLAGS:
            rest.append(word)
        else:
            given = value if equals else next(left, "")
            if not given:
                raise Fault(f"{flag} needs a value", f"write {flag} VALUE", status=USAGE)
            found.setdefault(FLAGS[flag], []).append(given)
    groups = tuple(found.pop("groups", ()))
    _current = Kubeconfig(groups=groups, **{name: values[-1] for name, values in found.items()})
    return rest


def cluster() -> Kubeconfig:
    """Return the cluster that is meant, for verbs that are about clusters alone."""
    return _current


async def home_of(mesh: str) -> Place | Kubeconfig:
    """Return the mesh that is meant; raises PlaceError or ClientError where there is none."""
    named = mesh or os.environ.get("MESHTUI_MESH", "")
    if _current.given:
        if mesh:
            raise Fault("--mesh is a mesh of this machine", "leave it out, or the kubeconfig's flags", status=USAGE)
        return _current
    if named:
        return find(named)
    here = running()
    if not present():
        listed = os.environ.get("KUBECONFIG", "")
        if listed and not here:
            raise PlaceError(
                f"no mesh runs here, and KUBECONFIG names no file that exists: {listed}",
                "correct it, or name a file with --kubeconfig; `meshtui demo` starts a mesh on this machine",
            )
        return find(None)
    try:
        if await installed(_current, PROBE_S if here else PATIENCE_S, patient=not here):
            return _current
    except ClientError as error:
        if not here:
            raise ClientError(
                error.message, f"{error.hint}; or `meshtui demo` starts a mesh on this machine", code=error.code
            ) from None
    if not here:
        raise PlaceError(
            "no mesh is installed in the kubeconfig's cluster, and none runs here",
            "`meshtui install | kubectl apply -f -` installs one there, `meshtui demo` starts one to look at",
        )
    return find(None)
