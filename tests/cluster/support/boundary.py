"""The boundary of a node: process, mount and network namespaces whose first process holds everything that runs there.

When that process ends, and it ends with the test run, the kernel ends the rest: daemons, containers, mounts, addresses,
routes. What a kubelet would change on the whole machine it changes here on files of ours. Needs root.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.cluster.support.control import POD_RANGE, SERVICE_RANGE
from tests.cluster.support.processes import WITH_US
from tests.cluster.support.wait import until

LINK = "meshtui0"
HERE, THERE = "10.89.0.1", "10.89.0.2"
# Written in the programs, not in their settings: of this machine's, only the names are used.
PRIVATE = ("/run/netns", "/run/containerd", "/var/lib/cni", "/var/lib/kubelet")
# The kubelet sets these if they differ. They belong to the machine, so it is shown what it wants to see.
SYSCTLS = {
    "vm/overcommit_memory": 1,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}
# /proc is still the machine's when the pid is read, and so is the pid. Shared, so that all who enter see each mount.
SCRIPT = """set -e
read -r pid rest < /proc/self/stat
mount --make-rshared /
mount -t proc proc /proc
for folder in {private}; do mount -t tmpfs -o mode=755 meshtui "$folder"; done
for name in {sysctls}; do [ ! -e /proc/sys/$name ] || mount --bind "$1/$name" /proc/sys/$name; done
ip link set lo up
echo "$pid" > "$1/pid.partial" && mv "$1/pid.partial" "$1/pid"
exec "$2"
"""


class Boundary:
    """One boundary; `inside` is the command that runs another within."""

    def __init__(self, folder: Path, pause: str) -> None:
        self.folder, self.pause = folder, pause
        self.inside: tuple[str, ...] = ()
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        self.folder.mkdir()
        for name, value in SYSCTLS.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(f"{value}\n")
        for each in map(Path, PRIVATE):
            if not each.exists():
                each.mkdir(parents=True)
                self._made.append(each)
        script = SCRIPT.format(private=" ".join(PRIVATE), sysctls=" ".join(SYSCTLS))
        apart = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        with (self.folder / "log").open("wb") as log:
            self._first = subprocess.Popen(
                [*WITH_US, *apart, "sh", "-c", script, "sh", self.folder, self.pause],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            pid = self.folder / "pid"
            until(lambda: self._first.poll() is not None or pid.exists(), 20, "namespaces of a node")
            assert pid.exists(), f"a node's namespaces cannot be made: {(self.folder / 'log').read_text()}"
            self.inside = ("nsenter", "--target", pid.read_text().strip(), "--mount", "--net", "--pid")
            self._join()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, *command: str) -> str:
        """Run a command within, to its end."""
        return run([*self.inside, *command])

    def close(self) -> None:
        """End everything within; when this returns, the kernel has."""
        subprocess.run(["ip", "link", "del", LINK], capture_output=True, check=False)  # its routes go with it
        self._first.kill()
        self._first.wait()
        for each in self._made:
            each.rmdir()
        self._made.clear()

    def _join(self) -> None:
        """Join it to this machine by a pair of interfaces, and route pods and services there."""
        target = self.inside[2]
        run(["ip", "link", "add", LINK, "type", "veth", "peer", "name", "eth0", "netns", target])
        run(["ip", "address", "add", f"{HERE}/24", "dev", LINK])
        run(["ip", "link", "set", LINK, "up"])
        self.run("ip", "address", "add", f"{THERE}/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        for each in (POD_RANGE, SERVICE_RANGE):
            run(["ip", "route", "add", each, "via", THERE])
        # The API server calls webhooks by their Service: some route must exist before the packet comes to the rules of
        # kube-proxy. There is no other way out, so that nothing can leave the machine.
        self.run("ip", "route", "add", SERVICE_RANGE, "via", HERE)
        self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


def run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
