"""`meshtui identity pod/NAME…` and `meshtui identity rotate`: what pods serve, and how the anchor is replaced.

What a pod serves is its sidecar's own word, as the control plane has it: nothing is dialled. Nothing is changed in a
cluster either: `rotate` writes files and prints the commands that apply them.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshcore.client import inventory
from meshcore.client.failure import ClientError
from meshcore.wire.discovery_pb2 import Pod
from meshtui.cli import options, output, where
from meshtui.cli.fault import USAGE, Fault
from meshtui.cli.resources import parse_resources, within
from meshtui.cli.scope import namespace_of, require, run, session_of
from meshtui.sources.kubeconfig import open_kube, open_mesh

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from meshtui.cli.rotation import State

ROTATE = "rotate"

Words = Annotated[
    list[str], typer.Argument(metavar="pod/NAME…|rotate", help="Pods, or rotate: the steps to a new trust anchor.")
]
Folder = Annotated[Path, typer.Option("--dir", help="Where rotate keeps its files.", metavar="DIR")]
Home = Annotated[
    str, typer.Option("--mesh-namespace", help="Namespace of the control plane (default: found out).", metavar="NS")
]


def identity(
    words: Words,
    namespace: options.Namespace = "",
    folder: Folder = Path("meshtui-rotation"),
    home: Home = "",
    form: options.Output = output.Format.TABLE,
    mesh: options.Mesh = "",
) -> None:
    """Show the certificates that pods serve, or how to replace the trust anchor."""
    if words == [ROTATE]:
        _rotate(folder, home)
        return
    named = parse_resources(words)
    other = next((each for each in named if each.kind != "pod" or not each.name), None)
    if other is not None:
        raise Fault(f"{other.kind} serves no certificate of its own", "write pod/NAME", status=USAGE)

    async def verb() -> None:
        async with session_of(mesh, namespace) as session:
            space = await namespace_of(session, namespace, everywhere=False)
            targets = within(named, space)
            await require(session, targets)
            pods = (await inventory.pods(session, targets)).pods
            if form.tabular:
                print("\n\n".join(described(pod) for pod in pods))
            else:
                output.dump([record(pod) for pod in pods], form)

    run(verb)


def record(pod: Pod) -> dict[str, Any]:
    """Return a pod's certificate for JSON."""
    proxy = pod.proxy
    return {
        "namespace": pod.status.namespace,
        "pod": pod.status.pod,
        "identity": pod.identity or None,
        "serial": proxy.cert_serial or None,
        "issuer_serial": proxy.cert_issuer or None,
        "not_before_ms": proxy.cert_not_before_ms or None,
        "not_after_ms": proxy.cert_not_after_ms or None,
        "told_ms": proxy.time_ms or None,
        "connected": pod.uplink,
    }


def described(pod: Pod, now: float | None = None) -> str:
    """Return the same for a person."""
    proxy, name = pod.proxy, f"{pod.status.namespace}/{pod.status.pod}"
    if not pod.meshed:
        return f"{name} serves none: {pod.unmeshed_reason or 'it has no sidecar'}"
    if not proxy.cert_serial:
        return f"{name} has told of none yet: its sidecar is {'' if pod.uplink else 'not '}connected"
    age = (time.time() if now is None else now) - proxy.time_ms / 1000
    state = "" if pod.uplink else ", and is not connected now"
    return "\n".join(
        (
            name,
            f"  identity    {pod.identity}",
            f"  serial      {proxy.cert_serial}",
            f"  issuer      {proxy.cert_issuer or 'unknown: an older sidecar does not say'}",
            f"  not before  {_moment(proxy.cert_not_before_ms)}",
            f"  not after   {_moment(proxy.cert_not_after_ms)}",
            f"  as its sidecar told the control plane {max(0, age):.0f} s ago{state}",
        )
    )


def _moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _rotate(folder: Path, home: str) -> None:
    found: list[tuple[State, str]] = []

    async def verb() -> None:
        try:
            found.append(await _state(home))
        except ClientError as error:
            raise Fault(error.message, error.hint) from None

    run(verb)
    from meshtui.cli import rotation

    ((state, namespace),) = found
    _prepare(folder, namespace, state)
    print(rotation.text(state, rotation.steps(state, folder), namespace))


async def _state(home: str) -> "tuple[State, str]":
    """Return what is in force in the cluster, and the mesh's namespace; raises ClientError or Fault."""
    from meshcore.inject.names import ANCHORS_MAP, ISSUER_SECRET, MESHED
    from meshcore.kube.failure import FORBIDDEN, KubeError
    from meshcore.kube.objects import CONFIG_MAPS, PODS, SECRETS
    from meshtui.cli.installed import settings_of
    from meshtui.cli.rotation import State
    from meshtui.sources.checks.trust import anchors_of, issuer_of

    async with open_mesh(where.cluster()) as mesh, open_kube(where.cluster()) as cluster:
        if mesh.hello.home != "kubernetes":
            raise Fault("only a cluster's anchor is rotated", "a local mesh gets a new one with `meshtui down`, `up`")
        namespace = home or mesh.hello.mesh
        try:
            if (await settings_of(cluster, namespace)).identity.external:
                raise Fault(
                    f"Secret {namespace}/{ISSUER_SECRET} is somebody else's to keep (identity.external)",
                    f"put the new anchor beside the old one into ConfigMap {ANCHORS_MAP}, have them sign an issuer "
                    "with the new one, and take the old one out once `meshtui identity pod/NAME` shows no other issuer",
                )
            bundle = await cluster.get(CONFIG_MAPS.path(namespace, ANCHORS_MAP))
            secret = await cluster.get(SECRETS.path(namespace, ISSUER_SECRET))
            anchors, issuer = anchors_of(bundle), issuer_of(secret)
        except KubeError as error:
            raise Fault(error.message, error.hint or "`meshtui check` says what is missing") from None
        except ValueError as error:
            raise Fault(f"the authority cannot be read: {error}", "`meshtui check` says what is wrong") from None
        injected = None
        try:
            injected = (await cluster.list(PODS.path(), labels=f"{MESHED}=true")).items
        except KubeError as error:
            if error.code != FORBIDDEN:
                raise Fault(error.message, error.hint) from None
        return State(anchors, issuer, (await inventory.pods(mesh)).pods, injected), namespace


def _prepare(folder: Path, namespace: str, state: "State") -> None:
    """Write the files of a new rotation, or see that those of the one under way are still there; raises Fault."""
    from meshtui.cli import rotation

    if state.step == 1 and not (folder / rotation.BOTH).exists():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, objects in rotation.files(namespace, state, time.time()).items():
                _write(folder / name, objects)
        except OSError as error:
            raise Fault(f"{error.filename}: {error.strerror}", "give another --dir") from None
        return
    held = _held(folder / rotation.BOTH)
    newest = max(held, key=lambda anchor: anchor.not_valid_before_utc, default=None)
    if state.step == 1 and newest is not None and newest in state.anchors:
        output.note(f"The rotation in {folder} is complete; give another --dir to begin the next.")
        raise typer.Exit(0)
    if not (set(state.anchors) <= held if state.step == 1 else state.newest in held):
        begin = (
            "another one begins anew" if state.step == 1 else "without it, apply the signing anchor alone, begin anew"
        )
        raise Fault(f"the files in {folder} are not of this rotation", f"give the --dir of its first step; {begin}")


def _write(path: Path, objects: list[dict[str, Any]]) -> None:
    import yaml

    path.touch(mode=0o600, exist_ok=False)
    path.write_text(yaml.safe_dump_all(objects, sort_keys=False))


def _held(path: Path) -> "set[Certificate]":
    """Return the anchors in a file of ours; none where it is missing or is something else."""
    import yaml

    from meshtui.sources.checks.trust import anchors_of

    try:
        return set(anchors_of(yaml.safe_load(path.read_text())))
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return set()
