"""What a node leaves on this machine: everything while it runs, nothing afterwards."""

from pathlib import Path

from tests.cluster.support.boundary import LINK, PRIVATE, SYSCTLS, run
from tests.cluster.support.control import POD_RANGE, SERVICE_RANGE
from tests.cluster.support.node import CGROUP, cgroup_roots


def of_node(folder: Path) -> list[str]:
    """Return one line for each process, mount, link, route and cgroup of the node that runs in a folder."""
    links = [f"link {path.name}" for path in Path("/sys/class/net").iterdir() if path.name == LINK]
    routes = [f"route {each}" for each in (POD_RANGE, SERVICE_RANGE) if run(["ip", "route", "show", each])]
    cgroups = [f"cgroup {top}" for root in cgroup_roots() if (top := root / CGROUP.strip("/")).exists()]
    mounts = [f"mount {line.split()[4]}" for line in _lines(Path("/proc/self/mountinfo")) if str(folder) in line]
    return [*links, *routes, *cgroups, *mounts, *_processes(folder)]


def of_machine() -> dict[str, str]:
    """Return what belongs to the machine and what a kubelet and containerd would change of it."""
    settings = {name: Path("/proc/sys", name) for name in (*SYSCTLS, "net/ipv4/ip_forward")}
    values = {name: path.read_text() for name, path in settings.items() if path.exists()}
    return {**values, **{each: str(Path(each).exists()) for each in PRIVATE}}


def _processes(folder: Path) -> list[str]:
    commands = {path.parent.name: path for path in Path("/proc").glob("[0-9]*/cmdline")}
    texts = {pid: " ".join(_lines(path)).replace("\0", " ") for pid, path in commands.items()}
    return [f"process {pid} {text[:100]}" for pid, text in texts.items() if str(folder) in text]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:  # a process that has ended since it was listed
        return []
