"""Very many watchers in one process: each a connection with mutual TLS to the control plane, and a stream of endpoints.

They are a sidecar's own feeds without the sidecar: they come back by themselves, as those do. `python -m
tests.cluster.support.crowd CONFIG` runs them in a process of its own, so that what they cost is not the control
plane's. It answers each line on stdin, the name of a question, with one line of JSON. Whatever is told of an endpoint
becomes a line of the file `arrivals`: when (seconds, monotonic), which watcher, `+` or `-`, and its pod. Those that
stand for pods keep up all else that a sidecar does, too (whole.py).
"""

import asyncio
import json
import logging
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from agents.sidecar.feeds.identity import Identity
from agents.sidecar.feeds.line import Line
from agents.sidecar.feeds.uplink import Uplink
from agents.sidecar.state.certs import Certs
from meshcore.inject.names import AUDIENCE
from meshcore.wire import discovery_pb2
from meshcore.wire.ids import SpiffeId
from tests.cluster.support.mesh import DOMAIN, Mesh
from tests.cluster.support.whole import NEIGHBOURS, Instance, Whole

ACCOUNT = "default"
APART_S = 0.004  # between two that begin: a crowd that knocks at once is another test's


class Arrival(NamedTuple):
    """One endpoint, told to one watcher."""

    at: float
    watcher: int
    ready: bool
    pod: str


class Watcher:
    """One stream, and what it was told."""

    def __init__(self, number: int, target: str, namespace: str, uplink: Uplink, arrivals: IO[str]) -> None:
        self.target = target
        self.known: set[str] = set()
        self.heard = 0  # messages
        self._number = number
        self._namespace = namespace
        self._uplink = uplink
        self._arrivals = arrivals
        self.task = asyncio.create_task(uplink.keep(target, self._follow))

    async def _follow(self, line: Line) -> None:
        me = f"watcher-{self._number}"
        request = discovery_pb2.WatchRequest(target=self.target, namespace=self._namespace, pod=me)
        async with line.call("/meshtui.v1.Discovery/Watch", discovery_pb2.EndpointsUpdate) as call:
            await call.write(request.SerializeToString(), end=True)
            async for update in call:
                self._take(update)
                self._uplink.heard("endpoints")

    def _take(self, update: discovery_pb2.EndpointsUpdate) -> None:
        now = time.monotonic()
        self.heard += 1
        before = self.known
        if update.snapshot:
            self.known = {each.id for each in update.put}
            gone, come = before - self.known, self.known - before
        else:
            gone, come = set(update.remove), {each.id for each in update.put}
            self.known = (before - gone) | come
        for sign, ids in (("-", gone), ("+", come)):
            for each in ids:
                self._arrivals.write(f"{now:.4f} {self._number} {sign} {_pod(each)}\n")


class _Fan:
    """Stands where a certificate's feed expects its uplink: all watchers share one certificate."""

    def __init__(self) -> None:
        self.uplinks: list[Uplink] = []
        self.secured: ssl.SSLContext | None = None

    def renew(self, secured: ssl.SSLContext) -> None:
        self.secured = secured


async def serve(config: dict[str, Any]) -> None:
    """Be the crowd until stdin ends."""
    log = logging.getLogger("crowd")
    certs, fan = Certs(), _Fan()
    identity = Identity(
        str(SpiffeId(DOMAIN, config["namespace"], ACCOUNT)),
        certs,
        fan,  # type: ignore[arg-type]
        log,
        address=config["identity"],
        name=config["name"],
        token=lambda: str(config["token"]),
    )
    await identity.bootstrap(config["anchors"])
    assert fan.secured is not None
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    targets = config["targets"]
    with Path(config["arrivals"]).open("w", buffering=1 << 16) as arrivals:
        watchers: list[Watcher] = []
        pods = [Instance(*each) for each in config["pods"]]
        whole: list[Whole] = []
        for number in range(config["watchers"]):
            uplink = Uplink(config["control"], config["name"], log)
            uplink.renew(fan.secured)
            target = targets[number % len(targets)]
            watchers.append(Watcher(number, target, config["namespace"], uplink, arrivals))
            if pods:
                near = [pods[(number + step) % len(pods)] for step in range(1, NEIGHBOURS + 1)]
                whole.append(Whole(pods[number], near, uplink, certs))
            await asyncio.sleep(APART_S)
        answers = {"heard": lambda: _heard(watchers), "known": lambda: _known(watchers)}
        while question := (await reader.readline()).decode().strip():
            arrivals.flush()
            print(json.dumps(answers[question]()), flush=True)
        for task in [each.task for each in watchers] + [task for each in whole for task in each.tasks]:
            task.cancel()


def _heard(watchers: Sequence[Watcher]) -> dict[str, int]:
    """Return how many watchers were told anything, and how many messages they got."""
    return {"watchers": sum(each.heard > 0 for each in watchers), "messages": sum(each.heard for each in watchers)}


def _known(watchers: Sequence[Watcher]) -> dict[str, list[list[str]]]:
    """Return, for each target, each of the different sets of pods that its watchers know; one, if all agree."""
    found: dict[str, Counter[frozenset[str]]] = {}
    for each in watchers:
        found.setdefault(each.target, Counter())[frozenset(map(_pod, each.known))] += 1
    return {target: [sorted(pods) for pods in sets] for target, sets in found.items()}


def _pod(endpoint: str) -> str:
    """Return the pod that an endpoint's id names: NAMESPACE/POD/IP:PORT."""
    return endpoint.split("/")[1]


class Crowd:
    """The process, as a test sees it."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path, watchers: int) -> None:
        self.process = process
        self.watchers = watchers
        self._arrivals = folder / "arrivals"
        self._log = folder / "crowd.log"

    def ask(self, question: str) -> Any:
        """Return its answer to `heard` or `known`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError) as error:
            raise AssertionError(f"the watchers have ended: {error}: {self._log.read_text()[-2000:]}") from None

    def all_heard(self) -> bool:
        """Tell whether each watcher was told something."""
        return bool(self.ask("heard")["watchers"] == self.watchers)

    def arrivals(self) -> Iterator[Arrival]:
        """Yield all that was told so far, in the order in which it came."""
        self.ask("heard")  # what came is written
        with self._arrivals.open() as lines:
            for line in lines:
                at, watcher, sign, pod = line.split()
                yield Arrival(float(at), int(watcher), sign == "+", pod)


@contextmanager
def crowd(
    mesh: Mesh, namespace: str, targets: Sequence[str], watchers: int, pods: Sequence[Instance] = ()
) -> Iterator[Crowd]:
    """Watch some targets, in turn, by so many watchers; each stands for a pod where some are given."""
    folder = mesh.folder / "crowd"
    folder.mkdir(exist_ok=True)
    addresses = mesh.settings.addresses
    config = {
        "namespace": namespace,
        "identity": addresses.identity,
        "control": addresses.control,
        "name": addresses.name,
        "token": mesh.cluster.token(namespace, ACCOUNT, audiences=[AUDIENCE]),
        "anchors": mesh.anchors,
        "targets": list(targets),
        "watchers": watchers,
        "pods": pods,
        "arrivals": str(folder / "arrivals"),
    }
    (folder / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "tests.cluster.support.crowd", str(folder / "config.json")]
    with (folder / "crowd.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield Crowd(process, folder, watchers)
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    import uvloop

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    uvloop.run(serve(json.loads(Path(sys.argv[1]).read_text())))
