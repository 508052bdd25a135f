"""From a mesh.yaml to what is started: instances with their ports, listeners, commands and environment.

Pure but for the ports, which the caller hands in. The order of the file is the order of the plan.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agents.launcher.address import AUTO, HOST, UNIX, Address, parse
from agents.launcher.expand import expand
from agents.launcher.offers import namespace_of, probe_port, socket_path, sole_port
from agents.launcher.ports import Listening
from agents.launcher.spec import UNSAID, Limits, Mesh, Workload
from agents.launcher.upstreams import targets, variable
from meshcore.wire.ids import Target
from meshcore.wire.kinds import parse_kind


class Supply(Protocol):
    """Where ports come from."""

    def free(self, host: str = HOST) -> int: ...
    def listen(self) -> Listening: ...


@dataclass(frozen=True, slots=True)
class Port:
    """One port of an instance: where the application listens, and the sidecar for it."""

    name: str
    number: int  # of a Unix socket, which has none: its sidecar's
    opaque: bool = False
    listener: Listening | None = None
    host: str = HOST  # or unix:/path

    @property
    def address(self) -> Address:
        return Address(self.host, self.number)


@dataclass(frozen=True, slots=True)
class Outbound:
    """A local listener that leads to an upstream."""

    key: str
    target: Target
    listener: Listening


@dataclass(frozen=True, slots=True)
class Probe:
    """How to tell that the application can do its work; no kind: it listens on all its ports."""

    address: Address = AUTO
    kind: str = ""  # http, grpc or tcp
    what: str = ""  # path or service
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of a workload, ready to be started."""

    namespace: str
    kind: str
    name: str
    pod: str
    service_account: str
    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]
    ports: tuple[Port, ...] = ()
    outbound: tuple[Outbound, ...] = ()
    probe: Probe = Probe()
    meshed: bool = True
    zone: str = ""
    labels: Mapping[str, str] | None = None
    proxy_workers: int = 1
    limits: Limits = UNSAID
    proxy: Listening | None = None
    admin: Listening | None = None

    @property
    def label(self) -> str:
        return f"{self.namespace}/{self.pod}"

    @property
    def listeners(self) -> list[Listening]:
        every = [port.listener for port in self.ports] + [out.listener for out in self.outbound]
        return [listener for listener in (*every, self.proxy, self.admin) if listener is not None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan takes from outside the file."""

    folder: Path
    environment: Mapping[str, str]
    python: str
    first: int = 0  # number of the first pod


def plan(mesh: Mesh, around: Surroundings, supply: Supply) -> list[Instance]:
    """Return the instances of a mesh that has passed `rules`."""
    drafts = [
        (workload, _draft(mesh, workload, around, supply, number))
        for workload in mesh.workloads
        for number in range(around.first, around.first + workload.replicas)
    ]
    offers = {(draft.namespace, draft.name): draft for _, draft in reversed(drafts)}
    return [_complete(workload, draft, around, offers) for workload, draft in drafts]


def _draft(mesh: Mesh, workload: Workload, around: Surroundings, supply: Supply, number: int) -> Instance:
    """Return an instance with its ports, but with no command and environment yet: these may name other's ports."""
    namespace = namespace_of(mesh, workload)
    kind = parse_kind(workload.kind)
    values = {f"env.{name}": text for name, text in around.environment.items()}
    values |= {"namespace": namespace, "name": workload.name, "pod": f"{workload.name}-{number}"}
    ports = tuple(
        _port(workload, name, parse(wanted), around, supply, values) for name, wanted in workload.ports.items()
    )
    zones = [workload.zone] if isinstance(workload.zone, str) else workload.zone
    upstreams = targets(workload.upstreams, namespace) if workload.mesh else {}
    return Instance(
        namespace=namespace,
        kind=kind.name if kind else workload.kind,
        name=workload.name,
        pod=f"{workload.name}-{number}",
        service_account=workload.service_account or workload.name,
        command=(),
        directory=around.folder,
        environment={},
        ports=ports,
        outbound=tuple(Outbound(key, target, supply.listen()) for key, target in upstreams.items()),
        probe=_probe(workload, ports),
        meshed=workload.mesh,
        zone=zones[number % len(zones)] if zones else "",
        labels=dict(workload.labels),
        proxy_workers=workload.proxy_workers,
        limits=workload.limits.over(mesh.limits),
        proxy=supply.listen() if workload.mesh else None,
        admin=supply.listen() if workload.mesh else None,
    )


def _port(
    workload: Workload, name: str, wanted: Address, around: Surroundings, supply: Supply, values: Mapping[str, str]
) -> Port:
    """Return a port with its number chosen, or its socket's path filled in."""
    host, number = wanted
    listener = supply.listen() if workload.mesh else None
    if wanted.path:
        host = f"{UNIX}{socket_path(workload, wanted, around.folder, values)}"
        number = listener.port if listener else 0
    elif not number:
        number = supply.free(host)
    return Port(name, number, name in workload.opaque or number in workload.opaque, listener, host)


def _complete(
    workload: Workload, draft: Instance, around: Surroundings, offers: Mapping[tuple[str, str], Instance]
) -> Instance:
    reach = {out.key: out.listener.address for out in draft.outbound}
    if not draft.meshed:
        reach = {key: _direct(target, offers) for key, target in targets(workload.upstreams, draft.namespace).items()}
    values = _values(workload, draft, around, reach)
    if isinstance(workload.command, str):
        command: Sequence[str] = ("/bin/sh", "-c", expand(workload.command, values))
    else:
        command = [expand(word, values) for word in workload.command]
    return Instance(
        **{field: getattr(draft, field) for field in Instance.__slots__ if field not in _LATE},
        command=tuple(command),
        directory=around.folder / expand(workload.directory, values),
        environment=_environment(workload, draft, around, reach, values),
    )


_LATE = ("command", "directory", "environment")


def _values(workload: Workload, draft: Instance, around: Surroundings, reach: Mapping[str, str]) -> dict[str, str]:
    """Return what the references of `expand` stand for."""
    values = {f"env.{name}": text for name, text in around.environment.items()}
    values |= {f"ports.{port.name}": port.address.path or str(port.number) for port in draft.ports}
    for key, address in reach.items():
        host, _, port = address.rpartition(":")
        bare = host.strip("[]")
        values |= {f"upstreams.{key}": address, f"upstreams.{key}.host": bare, f"upstreams.{key}.port": port}
    values |= {"namespace": draft.namespace, "name": workload.name, "pod": draft.pod, "python": around.python}
    if draft.proxy is not None:
        values["proxy"] = f"http://{draft.proxy.address}"
    return values


def _environment(
    workload: Workload,
    draft: Instance,
    around: Surroundings,
    reach: Mapping[str, str],
    values: Mapping[str, str],
) -> dict[str, str]:
    environment = {"PYTHONUNBUFFERED": "1", **around.environment}  # its last words should reach the log
    numbers = {port.name: str(port.number) for port in draft.ports if not port.address.path}
    if (sole := sole_port(workload) or next(iter(workload.ports), "")) in numbers:
        environment["PORT"] = numbers[sole]
    environment |= {f"PORT_{variable(name)}": number for name, number in numbers.items()}
    environment |= {f"{variable(key)}_ADDR": address for key, address in reach.items()}
    if draft.proxy is not None:
        environment["MESHTUI_PROXY"] = values["proxy"]
        if workload.proxy:
            environment |= {"http_proxy": values["proxy"], "HTTP_PROXY": values["proxy"]}
            environment |= dict.fromkeys(("no_proxy", "NO_PROXY"), f"localhost,{HOST},::1")
    return environment | {name: expand(text, values) for name, text in workload.env.items()}


def _probe(workload: Workload, ports: Sequence[Port]) -> Probe:
    ready = workload.ready
    if ready is None:
        return Probe()
    kind, what = ("http", ready.http) if ready.http is not None else ("grpc", ready.grpc)
    if what is None:
        kind, what = "tcp", ""
    name = probe_port(workload, ready)
    address = next(port.address for port in ports if port.name == name)
    return Probe(address, kind, what, ready.timeout_s)


def _direct(target: Target, offers: Mapping[tuple[str, str], Instance]) -> str:
    """Return where a client without a sidecar reaches a target: the first instance's sidecar, or the application."""
    offered = offers.get((target.namespace, target.name))
    if offered is None or not offered.ports:
        return f"{HOST}:0"
    wanted = [port for port in offered.ports if target.port in (port.name, str(port.number))]
    preferred = [port for port in offered.ports if port.name in ("http", "grpc")]
    port = (wanted or preferred or offered.ports)[0]
    return port.listener.address if port.listener else str(port.address)


def shown(command: Sequence[str]) -> str:
    """Return a command as a person would type it."""
    return command[2] if command[:2] == ("/bin/sh", "-c") else shlex.join(command)
