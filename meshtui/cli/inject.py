"""`meshtui inject` and `meshtui uninject`: sidecars put into manifests on this side, as the webhook would.

Manifests in, manifests out on stdout, for kubectl apply -f -; what became of each object goes to stderr. What is
decided and written is meshcore.inject's, which the webhook calls, too.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from meshcore.inject import names, patch
from meshcore.inject.decide import annotations, decide, udp_ports
from meshcore.inject.sidecar import Workload
from meshcore.inject.wishes import WishError, wishes
from meshcore.wire.ids import is_label
from meshtui.cli import manifests, output
from meshtui.cli.fault import USAGE, Fault
from meshtui.cli.injecting import Act, Target, UnreadableError, rewrite, spaces
from meshtui.cli.premises import Premises, of_cluster, of_files, settings_of

CREATED_BY = "meshtui-cli"
ASKED = {names.INJECT: names.ENABLED}  # who runs the command asks for every pod in its input
ENDINGS = (".yaml", ".yml", ".json")

Files = Annotated[list[str] | None, typer.Argument(help="Files, folders, or - for stdin.", metavar="[-|FILE|DIR]...")]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace", "-n", help="Where objects go that name none (default: the context's namespace).", metavar="NS"
    ),
]
Home = Annotated[str, typer.Option("--mesh-namespace", help="Namespace of the control plane.", metavar="NS")]
Config = Annotated[str, typer.Option("--config", help="Settings from a file, not the cluster.", metavar="FILE")]
Anchors = Annotated[str, typer.Option("--anchors", help="Trust anchors with --config, PEM.", metavar="FILE")]
ANNOTATE = typer.Option(False, "--annotate", help="Only write the annotation; the webhook does the rest.")


def inject(
    files: Files = None,
    annotate: bool = ANNOTATE,
    namespace: Namespace = "",
    home: Home = manifests.NAMESPACE,
    config: Config = "",
    anchors: Anchors = "",
) -> None:
    """Print manifests with sidecars put in."""
    if bool(config) != bool(anchors):
        raise Fault("--config and --anchors go together", "give both, or none to ask the cluster", status=USAGE)
    texts = list(_texts(files or ["-"]))
    if annotate:
        _print(texts, _annotate)
        return
    used, given = spaces(text for _, text in texts)
    if namespace in given:  # it is made by the same input
        given[""] = given[namespace]
        used.discard("")
    if config:
        found = of_files(settings_of(_file(config), config), _file(anchors), namespace, used)
    else:
        found = of_cluster(home, namespace, used)
    _print(texts, injecting(found._replace(namespaces={**found.namespaces, **given})))


def uninject(files: Files = None) -> None:
    """Print manifests with sidecars taken out."""
    _print(list(_texts(files or ["-"])), _uninject)


def injecting(premises: Premises) -> Act:
    """Return what puts a sidecar into a pod."""
    settings, anchors_pem, namespaces = premises

    def act(target: Target) -> tuple[bool, str]:
        wanted_there = namespaces.get(target.namespace, {})
        decision = decide(target.pod, {**wanted_there, **ASKED})
        if not decision.inject:
            return False, f"skipped: {decision.reason}"
        workload = Workload("pod", "") if target.kind == "Pod" else Workload(target.kind.lower(), target.name)
        if workload.name and not is_label(workload.name):
            return False, f"skipped: {workload.name!r} is no DNS label: a workload's name has no dots, 63 characters"
        try:
            wanted = wishes(settings, annotations(target.pod), wanted_there)
        except WishError as error:
            return False, f"skipped: {error}"
        patch.inject(target.pod, settings, wanted, anchors_pem, workload, CREATED_BY)
        return True, f"injected{_udp(target)}"

    return act


def _annotate(target: Target) -> tuple[bool, str]:
    decision = decide(target.pod, ASKED)
    if not decision.inject:
        return False, f"skipped: {decision.reason}"
    if annotations(target.pod).get(names.INJECT) == names.ENABLED:
        return False, "skipped: it has the annotation already"
    patch.annotate(target.pod)
    return True, f"annotated{_udp(target)}"


def _uninject(target: Target) -> tuple[bool, str]:
    return (True, "uninjected") if patch.uninject(target.pod) else (False, "skipped: it has no sidecar")


def _udp(target: Target) -> str:
    ports = ", ".join(map(str, udp_ports(target.pod["spec"])))
    return f"; UDP passes the mesh by: port {ports}" if ports else ""


def _print(texts: list[tuple[str, str]], act: Act) -> None:
    """Write nothing before everything was read: half a manifest must not be applied."""
    written: list[str] = []
    for file, text in texts:
        try:
            new, reports = rewrite(text, act)
        except UnreadableError as error:
            raise Fault(f"{file}:{error.line}: {error}", "correct it there; nothing was written") from None
        for report in reports:
            output.note(str(report))
        if written:
            new = new.removeprefix("\ufeff")  # of a file's byte order, which is said once
            written.append("" if written[-1].endswith("\n") else "\n")
            written.append("" if new.startswith("---") else "...\n" if new.startswith("%") else "---\n")
        written.append(new)
    sys.stdout.buffer.write("".join(written).encode())  # as it came, whatever signs the locale has
    sys.stdout.flush()


def _texts(files: list[str]) -> Iterator[tuple[str, str]]:
    """Yield files with what is in them, their line endings as they are."""
    for file in files:
        if file == "-":
            try:
                yield "stdin", sys.stdin.buffer.read().decode()
            except UnicodeDecodeError as error:
                raise Fault(f"stdin: no UTF-8: {error.reason}") from None
        elif Path(file).is_dir():
            found = sorted(each for each in Path(file).rglob("*") if each.suffix in ENDINGS and each.is_file())
            if not found:
                raise Fault(
                    f"{file}: has no files that end in {', '.join(ENDINGS)}", "name another folder", status=USAGE
                )
            for each in found:
                yield str(each), _file(str(each), "")
        else:
            yield file, _file(file, "")


def _file(file: str, newline: str | None = None) -> str:
    try:
        with Path(file).open(encoding="utf-8", newline=newline) as opened:
            return opened.read()
    except OSError as error:
        raise Fault(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Fault(f"{file}: no UTF-8: {error.reason}") from None
