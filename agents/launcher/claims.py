"""The ports, addresses and Unix sockets that workloads claim: names, who had them first, and whether they can be had.

A part of `rules`, with the same manner: each fault says what is wrong, where, and what to do.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from agents.launcher.address import HOST, SOCKET_LIMIT, Address, parse
from agents.launcher.document import Document, Fault, Where
from agents.launcher.expand import unknown
from agents.launcher.offers import namespace_of, socket_path
from agents.launcher.spec import Mesh, Workload

Occupied = Callable[[int, str], str | None]  # why a port of an address cannot be had, in words; None if it can

LABEL = "use lower-case letters, digits and '-'"
PORT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?")


def claims(mesh: Mesh, document: Document, environment: Mapping[str, str], occupied: Occupied) -> Iterator[Fault]:
    """Yield what is wrong with the ports of all workloads."""
    seen: dict[Address, Where] = {}
    for i, workload in enumerate(mesh.workloads):
        for name, wanted in workload.ports.items():
            where: Where = ("workloads", i, "ports", name)
            if not PORT_NAME.fullmatch(name):
                yield document.fault(where, f"{name!r} cannot name a port", LABEL + ", at most 15 of them")
            address = parse(wanted)
            if address.path:
                values = {f"env.{key}": text for key, text in environment.items()}
                values |= {"namespace": namespace_of(mesh, workload), "name": workload.name}
                yield from _socket(workload, address, where, document, values)
                continue
            if address.host in ("0.0.0.0", "::"):
                fix = "name one at which the program is found, such as 127.0.0.1 or [::1]"
                yield document.fault(where, f"{address.host} is no single address", fix)
                continue
            auto = "auto" if address.host == HOST else str(address._replace(port=0)).removesuffix("0") + "auto"
            if address.port and workload.replicas > 1:
                yield document.fault(
                    where,
                    f"{workload.replicas} replicas cannot share {address.brief}",
                    f"write {auto}, and use ${{ports.{name}}}",
                )
            elif address.port and (first := seen.setdefault(address, where)) != where:
                line = document.line(first)
                fix = f"take another, or write {auto}"
                yield document.fault(where, f"{address.brief} is already taken in line {line}", fix)
            elif (
                workload.replicas
                and (address.port or address.host != HOST)
                and (reason := occupied(address.port, address.host)) is not None
            ):
                fix = f"end that program, take another port, or write {auto}"
                if not address.port:  # the address itself
                    fix = "take an address of this machine"
                yield document.fault(where, f"{address.brief if address.port else address.host} {reason}", fix)


def _socket(
    workload: Workload, address: Address, where: Where, document: Document, values: dict[str, str]
) -> Iterator[Fault]:
    """Check the path of a Unix socket."""
    if not workload.mesh:
        yield document.fault(where, "a socket is found by its sidecar alone", "give it a port, or remove mesh: false")
    if wrong := unknown(address.path, {**values, "pod": ""}):
        yield document.fault(where, wrong.problem, wrong.fix)
    if workload.replicas > 1 and "${pod}" not in address.path:
        yield document.fault(where, f"{workload.replicas} replicas cannot share a socket", "put ${pod} into its name")
    values["pod"] = f"{workload.name}-{max(0, workload.replicas - 1)}"
    path = socket_path(workload, address, Path(document.file).parent, values)
    if (length := len(str(path).encode())) > SOCKET_LIMIT:
        yield document.fault(
            where, f"{path} is {length - SOCKET_LIMIT} bytes too long for a socket", "take a shorter path"
        )
