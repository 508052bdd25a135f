"""What a launcher knows about its processes: live, in its state file, and as the control plane is told.

The file lets `ps` answer while the control plane is away, and lets `run` stand beside `up`: each launcher of a mesh
writes its own.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from agents.launcher.address import HOST, Address
from agents.launcher.plan import Instance
from meshcore.client.place import Place
from meshcore.wire import discovery_pb2
from meshcore.wire.discovery_pb2 import Phase

PENDING, RUNNING, FAILING, STOPPING, SUCCEEDED = "Pending", "Running", "Failing", "Stopping", "Succeeded"
_PHASES = {
    PENDING: Phase.PENDING,
    RUNNING: Phase.RUNNING,
    FAILING: Phase.FAILING,
    STOPPING: Phase.STOPPING,
    SUCCEEDED: Phase.SUCCEEDED,
}


class PortState(msgspec.Struct):
    """One port: the application's, and where the mesh listens for it (0: nowhere)."""

    name: str
    port: int
    mesh: int = 0
    host: str = HOST  # or unix:/path

    @property
    def address(self) -> str:
        """Where the application listens."""
        return str(Address(self.host, self.port))

    @property
    def entry(self) -> str:
        """Where others find it: through the mesh, or itself where it has no sidecar."""
        return f"{HOST}:{self.mesh}" if self.mesh else self.address


class State(msgspec.Struct):
    """One instance, or the control plane."""

    namespace: str
    kind: str
    name: str
    pod: str
    service_account: str = ""
    phase: str = PENDING
    ready: bool = False
    restarts: int = 0
    proxy_restarts: int = 0
    message: str = ""
    last_lines: list[str] = []
    pid: int = 0
    proxy_pid: int = 0
    meshed: bool = True
    started_ms: int = 0
    ports: list[PortState] = []
    admin: int = 0
    command: str = ""

    @property
    def settled(self) -> bool:
        """Nothing more is to be expected of it for now."""
        return self.ready or self.phase in (FAILING, SUCCEEDED)


class LauncherState(msgspec.Struct):
    """All that one launcher looks after."""

    launcher: str
    pid: int
    mesh: str
    file: str
    started_ms: int
    control: State | None = None
    instances: list[State] = []


def fresh(instance: Instance, command: str) -> State:
    """Return the state of an instance that has not been started."""
    return State(
        namespace=instance.namespace,
        kind=instance.kind,
        name=instance.name,
        pod=instance.pod,
        service_account=instance.service_account,
        meshed=instance.meshed,
        ports=[PortState(p.name, p.number, p.listener.port if p.listener else 0, p.host) for p in instance.ports],
        admin=instance.admin.port if instance.admin else 0,
        command=command,
    )


def message(state: State) -> discovery_pb2.InstanceStatus:
    """Return a state as the control plane is told."""
    return discovery_pb2.InstanceStatus(
        namespace=state.namespace,
        kind=state.kind,
        name=state.name,
        pod=state.pod,
        service_account=state.service_account,
        phase=_PHASES[state.phase],
        ready=state.ready,
        restarts=state.restarts,
        proxy_restarts=state.proxy_restarts,
        message=state.message,
        last_lines=state.last_lines,
        pid=state.pid,
        proxy_pid=state.proxy_pid,
        meshed=state.meshed,
        started_ms=state.started_ms,
        ports=[] if state.meshed else [_port(port) for port in state.ports],
    )


def _port(port: PortState) -> discovery_pb2.InstancePort:
    return discovery_pb2.InstancePort(name=port.name, port=port.port, proxy_ip=port.host, proxy_port=port.port)


def save(path: Path, state: LauncherState) -> None:
    """Write the state file, whole or not at all."""
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    # The folder may be gone: `down` of the mesh removes it while a `run` still ends.
    with contextlib.suppress(FileNotFoundError):
        draft.write_bytes(msgspec.json.encode(state))
        draft.replace(path)


def load(place: Place) -> list[LauncherState]:
    """Return the states of the launchers of a mesh that are alive."""
    found = []
    for path in sorted(place.path.glob("launcher*.json")):
        with contextlib.suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
            state = msgspec.json.decode(path.read_bytes(), type=LauncherState)
            if Path(f"/proc/{state.pid}").exists():
                found.append(state)
    return found
