"""What a workload offers: its namespace and ports, by the ways people refer to them.

Pure; read by rules, which refuses what does not fit, and by plan, which relies on it.
"""

from collections.abc import Mapping
from pathlib import Path

from agents.launcher.address import Address, parse
from agents.launcher.expand import expand
from agents.launcher.spec import Mesh, Ready, Workload


def namespace_of(mesh: Mesh, workload: Workload) -> str:
    """Return the namespace a workload runs in."""
    return workload.namespace or mesh.namespace


def sole_port(workload: Workload) -> str | None:
    """Return the port that is meant where none is named: the only one, else http, else grpc."""
    if len(workload.ports) == 1:
        return next(iter(workload.ports))
    return next((name for name in ("http", "grpc") if name in workload.ports), None)


def probe_port(workload: Workload, ready: Ready) -> str | None:
    """Return the name of the port to probe."""
    if not ready.port:
        wanted = "http" if ready.http is not None else "grpc" if ready.grpc is not None else ""
        return wanted if wanted in workload.ports else sole_port(workload)
    return next((name for name, port in workload.ports.items() if str(ready.port) in _names(name, port)), None)


def offers(workload: Workload, port: str) -> bool:
    """Tell whether a port, by name or number, is one of its own."""
    return any(port in _names(name, wanted) for name, wanted in workload.ports.items())


def socket_path(workload: Workload, address: Address, folder: Path, values: Mapping[str, str]) -> Path:
    """Return where a Unix socket is: a path that is not absolute begins where the program runs."""
    return folder.absolute() / expand(workload.directory, values) / expand(address.path, values)


def _names(name: str, wanted: str | int) -> tuple[str, ...]:
    """Return what a port may be called."""
    number = parse(wanted).port
    return (name, str(number)) if number else (name,)


def choice(workload: Workload) -> str:
    """Return its ports in words, for somebody who named none of them."""
    if not workload.ports:
        return "it has none"
    return "one of " + ", ".join(
        name if port == "auto" else f"{name} ({port})" for name, port in workload.ports.items()
    )
