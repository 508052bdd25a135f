"""Network namespaces as pods: a hub with a bridge and the control plane, and pods with and without sidecars.

with World(tmp_path) as world:
    world.pod("a", 1)                       # 10.77.0.1 and fd77::1
    world.redirect("a", "--backend", "nft")
    world.sidecar("a", ports={"http": 8080})

Needs root. Whatever it made is gone when the block ends: processes by their pid, namespaces by their name.
"""

import itertools
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import grpc

from agents.launcher import commands
from meshcore.wire import control_pb2, control_pb2_grpc, identity_pb2, identity_pb2_grpc
from tests.support.tools import absent, need

ROOT = Path(__file__).parents[2]
PROXY_UID = 2102
HUB = 254
INBOUND, OUTBOUND, ADMIN = 4143, 4140, 4191
LIMIT_S = 30.0
SCRAPE_S = 0.7  # a sidecar gives the same scrape to all who ask within half a second
_NUMBERS = itertools.count(1)


@cache
def require(backend: str) -> None:
    """Skip the test where namespaces, or rules of one kind of iptables, cannot be made."""
    for program, package in (
        ("ip", "iproute2"),
        (f"iptables-{backend}-restore", "iptables"),
        (f"ip6tables-{backend}-restore", "iptables"),
        ("setpriv", "util-linux"),
    ):
        need(program, package)
    if os.geteuid() != 0:
        absent("network namespaces need root: run the tests as root")
    name = f"mt{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        absent(f"no network namespace can be made here: {made.stderr.strip()}; run where CAP_SYS_ADMIN is allowed")
    try:
        for tool in (f"iptables-{backend}", f"ip6tables-{backend}"):
            command = ["ip", "netns", "exec", name, tool, "-t", "nat", "-S"]
            listed = subprocess.run(command, capture_output=True, text=True, check=False)
            if listed.returncode:
                absent(f"{tool} does not work with this kernel: {listed.stderr.strip().partition(chr(10))[0]}")
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


class World:
    """One mesh over namespaces of its own; without a folder there is no control plane."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder or Path("/nowhere")
        self._planned = folder is not None
        self.prefix = f"mt{os.getpid()}-{next(_NUMBERS)}"
        self.namespaces: list[str] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.channel: grpc.Channel
        self._logs: list[IO[bytes]] = []
        self._pods: dict[str, int] = {}
        self._done = 0  # commands run
        self._scrapes: dict[str, tuple[int, float, list[str]]] = {}

    def __enter__(self) -> Self:
        try:
            self._namespace("hub")
            self._ip("hub", "link", "add", "br0", "type", "bridge")
            self._address("hub", "br0", HUB)
            if self._planned:
                self._plane()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def ip(self, pod: str, version: int = 4) -> str:
        """Return a pod's address."""
        number = self._pods[pod]
        return f"10.77.0.{number}" if version == 4 else f"fd77::{number:x}"

    def pod(self, name: str, number: int) -> None:
        """Make a namespace that is joined to the others by a veth pair."""
        self._namespace(name)
        self._pods[name] = number
        self._ip("hub", "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", self._name(name))
        self._ip("hub", "link", "set", f"v{number}", "master", "br0", "up")
        self._address(name, "eth0", number)

    def redirect(self, pod: str, *flags: str) -> None:
        """Write the rules, as the init container does."""
        done = self.run(pod, [sys.executable, "-m", "agents", "redirect", *flags])
        assert done.returncode == 0, done.stderr

    def rules(self, pod: str, backend: str, version: int) -> list[str]:
        """Return the nat rules in force, less counters and comments."""
        tool = ("iptables" if version == 4 else "ip6tables") + f"-{backend}-save"
        saved = self.run(pod, [tool, "-t", "nat"]).stdout.splitlines()
        return [line for line in saved if line.startswith("-A")]

    def sidecar(self, pod: str, ports: dict[str, int], workers: int = 1, **more: Any) -> subprocess.Popen[bytes]:
        """Start a pod's sidecar under its own uid, and wait until it is ready."""
        asked = identity_pb2.IssueTokenRequest(namespace="default", service_account=pod, pod=f"{pod}-0")
        token = identity_pb2_grpc.LocalIdentityStub(self.channel).IssueToken(asked, timeout=30)
        config = {
            "namespace": "default",
            "name": pod,
            "pod": f"{pod}-0",
            "trust_domain": "local",
            "identity_address": token.identity_address,
            "control_address": token.control_address,
            "anchors_pem": "".join(map(ssl.DER_cert_to_PEM_cert, token.trust.anchors)),
            "token": token.token,
            "admin": {"listen": f"0.0.0.0:{ADMIN}"},
            "drain_s": 0.2,
            "workers": workers,
            "inbound": [{"name": name, "port": port} for name, port in ports.items()],
            "transparent": {
                "inbound": [f"0.0.0.0:{INBOUND}", f"[::]:{INBOUND}"],
                "outbound": [f"127.0.0.1:{OUTBOUND}", f"[::1]:{OUTBOUND}"],
                "addresses": [self.ip(pod), self.ip(pod, 6)],
                **more,
            },
        }
        # The sources may lie where only root reads: the uid may read everything, and is nobody otherwise.
        other = ["setpriv", f"--reuid={PROXY_UID}", f"--regid={PROXY_UID}", "--clear-groups"]
        caps = [
            "--bounding-set=-all,+dac_read_search",
            "--inh-caps=+dac_read_search",
            "--ambient-caps=+dac_read_search",
        ]
        command = [*other, *caps, *commands.sidecar()]
        given = json.dumps(config).encode()
        process = self.start(pod, command, f"{pod}.proxy", given, commands.sidecar_environment())
        self.wait(lambda: self.get("hub", f"http://{self.ip(pod)}:{ADMIN}/ready") == "200", f"{pod}.proxy", process)
        return process

    def metrics(self, pod: str) -> list[str]:
        """Return the lines of a sidecar's /metrics, as they are after all that was done so far."""
        done, at, lines = self._scrapes.get(pod, (-1, 0.0, []))
        if done == self._done:
            return lines
        time.sleep(max(0.0, at + SCRAPE_S - time.monotonic()))
        done = self._done
        lines = self.client("hub", "http", f"http://{self.ip(pod)}:{ADMIN}/metrics").splitlines()
        at = time.monotonic()  # the page may be as new as this, and is kept from then on
        self._done = done
        self._scrapes[pod] = (done, at, lines)
        return lines

    def get(self, pod: str, url: str) -> str:
        """Return the status of a request made in a pod, or what went wrong."""
        return self.client(pod, "status", url)

    def client(self, pod: str, *arguments: str) -> str:
        """Return what an application in a pod (tests/netns/client.py) says of its own request."""
        done = self.run(pod, [sys.executable, "-I", str(ROOT / "tests/netns/client.py"), *arguments])
        return done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]

    def run(self, pod: str, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in a pod, to its end."""
        self._done += 1
        return subprocess.run(
            self._in(pod, command), cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    def start(
        self,
        pod: str,
        command: Sequence[str],
        log: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process in a pod; it ends with the world."""
        file = (self.folder / f"{log}.log").open("wb")
        self._logs.append(file)
        given = subprocess.PIPE if stdin is not None else subprocess.DEVNULL
        inside = self._in(pod, command)
        process = subprocess.Popen(inside, cwd=ROOT, stdin=given, stdout=file, stderr=file, env=environment)
        self.processes.append(process)
        if stdin is not None:
            assert process.stdin is not None
            process.stdin.write(stdin)
            process.stdin.close()
        return process

    def wait(self, done: Callable[[], bool], what: str, process: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until it is so; fails with the process's log."""
        deadline = time.monotonic() + LIMIT_S
        while not done():
            ended = process is not None and process.poll() is not None
            if ended or time.monotonic() > deadline:
                log = self.folder / f"{what}.log"
                raise AssertionError(f"{what}: not in time\n{log.read_text() if log.exists() else ''}")
            time.sleep(0.1)

    def close(self) -> None:
        """End every process and delete every namespace."""
        if hasattr(self, "channel"):
            self.channel.close()
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for file in self._logs:
            file.close()
        for name in reversed(self.namespaces):
            subprocess.run(["ip", "netns", "del", name], check=True)
        self.processes.clear()
        self.namespaces.clear()
        self._logs.clear()

    def _plane(self) -> None:
        home = self.folder / "mesh"
        home.mkdir(mode=0o700)
        command = [
            sys.executable,
            "-m",
            "meshcore",
            "--mesh",
            "netns",
            "--dir",
            str(home),
            "--listen",
            f"10.77.0.{HUB}",
        ]
        process = self.start("hub", command, "control")
        self.channel = grpc.insecure_channel(f"unix:{home}/control.sock")
        self.wait(self._greets, "control", process)

    def _greets(self) -> bool:
        try:
            control_pb2_grpc.ControlStub(self.channel).Hello(control_pb2.HelloRequest(), timeout=1)
        except grpc.RpcError:
            return False
        return True

    def _name(self, pod: str) -> str:
        return f"{self.prefix}-{pod}"

    def _namespace(self, pod: str) -> None:
        name = self._name(pod)
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.namespaces.append(name)
        self._ip(pod, "link", "set", "lo", "up")

    def _address(self, pod: str, device: str, number: int) -> None:
        self._ip(pod, "addr", "add", f"10.77.0.{number}/24", "dev", device)
        self._ip(pod, "addr", "add", f"fd77::{number:x}/64", "dev", device, "nodad")
        self._ip(pod, "link", "set", device, "up")

    def _ip(self, pod: str, *words: str) -> None:
        subprocess.run(["ip", "-n", self._name(pod), *words], check=True)

    def _in(self, pod: str, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self._name(pod), *command]
