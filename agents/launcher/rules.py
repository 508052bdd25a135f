"""What types cannot say about a mesh.yaml: names, ports, upstreams and references that fit together.

Called before anything starts. Each rule yields faults, so that a person sees all of them at once.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from agents.launcher.claims import LABEL, Occupied, claims
from agents.launcher.document import Document, Fault, SpecError, Where
from agents.launcher.duration import seconds
from agents.launcher.expand import unknown
from agents.launcher.folder import exists
from agents.launcher.offers import choice, namespace_of, offers, probe_port, sole_port
from agents.launcher.size import size
from agents.launcher.spec import UNSAID, Limits, Mesh, Workload
from agents.launcher.upstreams import targets
from agents.runtime.config import BOUNDS
from meshcore.wire.ids import Target, is_label, is_trust_domain, parse_target
from meshcore.wire.kinds import WORKLOADS, parse_kind

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
METHOD = re.compile(r"[A-Z]+")


def check(
    mesh: Mesh, document: Document, environment: Mapping[str, str], occupied: Occupied, *, alone: bool = True
) -> None:
    """Raise SpecError with everything that is wrong; unless it is `alone`, others may offer the upstreams."""
    faults = [*_names(mesh, document), *claims(mesh, document, environment, occupied)]
    faults.extend(_limits(mesh.limits, (), document))
    for i, workload in enumerate(mesh.workloads):
        place: Where = ("workloads", i)
        faults.extend(_workload(workload, place, document))
        faults.extend(_upstreams(mesh, workload, place, document, alone))
        faults.extend(_references(mesh, workload, place, document, environment))
        faults.extend(_ready(workload, place, document))
        faults.extend(_limits(workload.limits, place, document))
        faults.extend(_routes(workload, place, document))
    if faults:
        raise SpecError(*sorted(faults, key=lambda fault: fault.line))


def misnamed(mesh: Mesh, document: Document) -> Iterator[Fault]:
    """Yield what is wrong with the mesh's own name: its place is claimed by that, before anything else is checked."""
    if mesh.name and not is_label(mesh.name):
        yield document.fault(("name",), f"{mesh.name!r} cannot name a mesh", LABEL)


def _names(mesh: Mesh, document: Document) -> Iterator[Fault]:
    yield from misnamed(mesh, document)
    if not is_label(mesh.namespace):
        yield document.fault(("namespace",), f"{mesh.namespace!r} cannot name a namespace", LABEL)
    if not is_trust_domain(mesh.trust_domain):
        yield document.fault(
            ("trustDomain",), f"{mesh.trust_domain!r} cannot be a trust domain", LABEL + ", '.' and '_'"
        )
    if not mesh.workloads:
        yield document.fault(("workloads",), "is empty", "give at least one workload")
    seen: dict[tuple[str, str], int] = {}
    for i, workload in enumerate(mesh.workloads):
        where: Where = ("workloads", i, "name")
        if not is_label(workload.name) or len(workload.name) > 59:
            yield document.fault(where, f"{workload.name!r} cannot name a workload", LABEL + ", at most 59 of them")
        first = seen.setdefault((namespace_of(mesh, workload), workload.name), i)
        if first != i:
            line = document.line(("workloads", first, "name"))
            yield document.fault(
                where, f"{workload.name} is already the name of the workload in line {line}", "give it another name"
            )


def _workload(workload: Workload, place: Where, document: Document) -> Iterator[Fault]:
    if not workload.command or (isinstance(workload.command, str) and not workload.command.strip()):
        yield document.fault((*place, "command"), "is empty", "give the program to run, such as [python, app.py]")
    if workload.namespace and not is_label(workload.namespace):
        yield document.fault((*place, "namespace"), f"{workload.namespace!r} cannot name a namespace", LABEL)
    if workload.service_account and not is_label(workload.service_account):
        yield document.fault((*place, "serviceAccount"), f"{workload.service_account!r} cannot name an account", LABEL)
    kind = parse_kind(workload.kind)
    if kind is None or kind.name not in WORKLOADS:
        near = get_close_matches(workload.kind.lower(), WORKLOADS, 1)
        fix = f"did you mean {near[0]}?" if near else f"one of {', '.join(WORKLOADS)}"
        yield document.fault((*place, "kind"), f"{workload.kind!r} is no kind of workload", fix)
    folder = Path(document.file).parent / workload.directory
    if workload.directory and "${" not in workload.directory and not exists(folder):
        yield document.fault((*place, "directory"), f"there is no folder {folder}", "make it, or correct the path")
    for name in workload.env:
        if not VARIABLE.fullmatch(name):
            fix = "use letters, digits and '_'"
            yield document.fault((*place, "env", name), f"{name!r} cannot name an environment variable", fix)
    for j, port in enumerate(workload.opaque):
        if not offers(workload, str(port)):
            yield document.fault((*place, "opaque", j), f"{port} is none of its ports", choice(workload))
    if not workload.mesh:
        for field, given in (
            ("proxy", workload.proxy),
            ("proxyWorkers", workload.proxy_workers > 1),
            ("limits", workload.limits != UNSAID),
            ("opaque", workload.opaque),
            ("routes", workload.routes),
        ):
            if given:
                yield document.fault(
                    (*place, field), "a workload without a sidecar has none", "remove it, or mesh: false"
                )


def _limits(limits: Limits, place: Where, document: Document) -> Iterator[Fault]:
    where: Where = (*place, "limits", "waitingBytes")
    try:
        waiting = size(limits.waiting_bytes)
    except ValueError as error:
        yield document.fault(where, str(error), "write 512Ki, 64Mi or 1Gi")
        return
    low, high = BOUNDS["max_waiting_bytes"]
    if document.at(where) is not None and not low <= waiting <= high:
        yield document.fault(where, f"{limits.waiting_bytes!r} is out of range", "from 64Ki to 1024Gi")


def _upstreams(mesh: Mesh, workload: Workload, place: Where, document: Document, alone: bool) -> Iterator[Fault]:
    namespace = namespace_of(mesh, workload)
    seen: dict[Target, str] = {}
    for j, text in enumerate(workload.upstreams):
        where: Where = (*place, "upstreams", j)
        target = parse_target(text, namespace)
        if target is None:
            yield document.fault(
                where, f"{text!r} cannot be an upstream", "write NAME, NAME:PORT or NAME.NAMESPACE:PORT"
            )
        elif target in seen:
            yield document.fault(where, f"{text} is given twice", "keep one of them")
        else:
            seen[target] = text
            if alone:
                yield from _offered(mesh, target, text, where, document)


def _offered(mesh: Mesh, target: Target, text: str, where: Where, document: Document) -> Iterator[Fault]:
    """Check that some workload offers an upstream, on that port."""
    for other in mesh.workloads:
        if other.name == target.name and namespace_of(mesh, other) == target.namespace:
            break
    else:
        names = [workload.name for workload in mesh.workloads if workload.ports]
        away = [namespace_of(mesh, workload) for workload in mesh.workloads if workload.name == target.name]
        near = get_close_matches(target.name, names, 1)
        if away:
            fix = f"did you mean {target.name}.{away[0]}?"
        else:
            fix = f"did you mean {near[0]}?" if near else f"offered here: {', '.join(names) or 'nothing'}"
        yield document.fault(where, f"nobody offers {text} in namespace {target.namespace}", fix)
        return
    if not other.ports:
        yield document.fault(
            where, f"{other.name} has no ports", f"give {other.name} a port, such as ports: {{http: auto}}"
        )
    elif target.port and not offers(other, target.port):
        yield document.fault(where, f"{other.name} has no port {target.port}", choice(other))
    elif not target.port and sole_port(other) is None:
        fix = f"write {other.name}:PORT with one of {', '.join(other.ports)}"
        yield document.fault(where, f"{other.name} has several ports", fix)


def _references(
    mesh: Mesh, workload: Workload, place: Where, document: Document, environment: Mapping[str, str]
) -> Iterator[Fault]:
    known: dict[str, object] = dict.fromkeys(
        [
            *(f"ports.{name}" for name in workload.ports),
            *(
                f"upstreams.{key}{part}"
                for key in targets(workload.upstreams, namespace_of(mesh, workload))
                for part in ("", ".host", ".port")
            ),
            *("namespace", "name", "pod", "python", *(["proxy"] if workload.mesh else [])),
            *(f"env.{name}" for name in environment),
        ]
    )
    texts: list[tuple[Where, str]] = [((*place, "env", name), text) for name, text in workload.env.items()]
    texts.append(((*place, "directory"), workload.directory))
    if isinstance(workload.command, str):
        texts.append(((*place, "command"), workload.command))
    else:
        texts.extend(((*place, "command", j), text) for j, text in enumerate(workload.command))
    for where, text in texts:
        if "\0" in text:
            yield document.fault(where, "holds a null character, which no program can be given", "remove it")
        elif (wrong := unknown(text, known)) is not None:
            yield document.fault(where, wrong.problem, wrong.fix)


def _ready(workload: Workload, place: Where, document: Document) -> Iterator[Fault]:
    ready = workload.ready
    if ready is None:
        return
    where: Where = (*place, "ready")
    given = [ready.http is not None, ready.grpc is not None, ready.tcp].count(True)
    if given != 1:
        problem = "names no probe" if given == 0 else "names more than one probe"
        yield document.fault(where, problem, "give one of http: /path, grpc: service, tcp: true")
    if ready.http is not None and not ready.http.startswith("/"):
        yield document.fault((*where, "http"), f"{ready.http!r} is no path", "begin it with /")
    if ready.grpc is not None and len(ready.grpc.encode()) > 127:
        yield document.fault((*where, "grpc"), "is too long for the name of a service", "at most 127 bytes")
    if not workload.ports:
        yield document.fault(
            where, "there is no port to probe", "give the workload a port, such as ports: {http: auto}"
        )
    elif ready.port and not offers(workload, str(ready.port)):
        yield document.fault((*where, "port"), f"{ready.port} is none of its ports", choice(workload))
    elif not ready.port and probe_port(workload, ready) is None:
        yield document.fault(
            where, "does not say which port to probe", choice(workload).replace("one of", "port: one of")
        )
    try:
        if not 0 < seconds(ready.timeout) <= 3600:
            yield document.fault((*where, "timeout"), f"{ready.timeout!r} is out of range", "from 1ms to 1h")
    except ValueError as error:
        yield document.fault((*where, "timeout"), str(error), "write 30s, 500ms or 2m")


def _routes(workload: Workload, place: Where, document: Document) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for j, route in enumerate(workload.routes):
        where: Where = (*place, "routes", j)
        if seen.setdefault(route.name, j) != j or not route.name:
            problem = f"{route.name} is already the name of another route" if route.name else "is empty"
            yield document.fault((*where, "name"), problem, "give it a name of its own")
        if route.port and not offers(workload, str(route.port)):
            yield document.fault((*where, "port"), f"{route.port} is none of its ports", choice(workload))
        if route.method and not METHOD.fullmatch(route.method):
            yield document.fault(
                (*where, "method"), f"{route.method!r} is no HTTP method", "write it in capitals, such as GET"
            )
        paths = [text for text in (route.path, route.path_prefix, route.path_regex) if text]
        if len(paths) != 1 and not (route.method and not paths):
            yield document.fault(
                where,
                "matches nothing" if not paths else "has more than one path",
                "give one of path, pathPrefix, pathRegex",
            )
        for field, text in (("path", route.path), ("pathPrefix", route.path_prefix)):
            if text and not text.startswith("/"):
                yield document.fault((*where, field), f"{text!r} is no path", "begin it with /")
        try:
            re.compile(route.path_regex)
        except re.error as error:
            yield document.fault((*where, "pathRegex"), f"is no regular expression: {error}", "correct it")
        try:
            seconds(route.timeout)
        except ValueError as error:
            yield document.fault((*where, "timeout"), str(error), "write 30s, 500ms or 2m")
