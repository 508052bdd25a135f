"""Our side: a real local mesh of a control plane and one or two sidecars, as the launcher would start them."""

import json
import re
import ssl
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

import grpc
import yaml

from agents.launcher import commands
from meshcore.client.place import Place
from meshcore.wire import control_pb2, control_pb2_grpc, identity_pb2, identity_pb2_grpc
from tests.bench.process import Process, answers, free_port
from tests.bench.rows import BARE, ROUTED, TAP, Way
from tests.bench.side import Side
from tests.bench.viewer import Viewer
from tests.bench.words import HTTP_PATH

SERVER, CLIENT = "origin", "client"
DRAIN_S = 0.2


class Mesh(Side):
    """Sidecars in front of the origin; for a pair, one more beside the client."""

    name = "meshtui"

    def __init__(self, folder: Path, way: Way, ports: Mapping[str, int]) -> None:
        super().__init__(folder)
        self._way = way
        self._others: list[Process] = []
        self._viewer: Viewer | None = None
        self._channel: grpc.Channel | None = None
        self._admins: list[int] = []
        self._entries: dict[str, int] = {}
        try:
            self._start(way, ports)
        except BaseException:
            self.stop()
            raise

    def arrange(self, state: str) -> None:
        if self._way.routes:
            self.entry = self._entries[self._way.kind if state == ROUTED else BARE]
        if state == TAP and self._viewer is None:
            assert self._channel is not None
            self._viewer = Viewer(self._channel, SERVER)
        elif not state and self._viewer is not None:
            viewer, self._viewer = self._viewer, None
            viewer.stop()

    def check(self) -> None:
        """Find out whether requests took the routes that they were meant to take."""
        if self._way.kind == "tcp":
            return
        url = f"http://127.0.0.1:{self._admins[0]}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            taken = routes_taken(answer.read().decode())
        meant = {"", "bench"} if self._way.routes else {""}
        if taken != meant:
            raise RuntimeError(f"requests took the routes {sorted(taken)} and were meant to take {sorted(meant)}")

    def stop(self) -> None:
        self.arrange("")
        for process in (*self.proxies, *self._others):
            process.stop()
        if self._channel is not None:
            self._channel.close()

    def _start(self, way: Way, ports: Mapping[str, int]) -> None:
        home = self.folder / "mesh"
        home.mkdir(mode=0o700)
        description = home / "mesh.yaml"
        description.write_text(yaml.safe_dump(describe(way)))
        place = Place("bench", home)
        plane = Process(
            commands.control(place, "local", description), self.folder / "control.log", env=commands.environment()
        )
        self._others.append(plane)
        channel = self._channel = grpc.insecure_channel(f"unix:{place.socket}")
        plane.wait_for(lambda: _greets(channel))
        self._entries = {kind: free_port() for kind in (way.kind, BARE)}
        inbound = [
            {"name": kind, "port": ports[kind], "listen": f"127.0.0.1:{listen}", "opaque": kind == "tcp"}
            for kind, listen in self._entries.items()
        ]
        self._sidecar(channel, SERVER, inbound=inbound)
        self.entry = self._entries[way.kind]
        if way.pair:
            self.entry = free_port()
            outbound: dict[str, object] = {
                "target": f"{SERVER}.default:{way.kind}",
                "listen": f"127.0.0.1:{self.entry}",
            }
            self._sidecar(channel, CLIENT, outbound=[outbound])

    def _sidecar(self, channel: grpc.Channel, name: str, **listeners: list[dict[str, object]]) -> None:
        asked = identity_pb2.IssueTokenRequest(namespace="default", service_account=name, pod=f"{name}-0")
        token = identity_pb2_grpc.LocalIdentityStub(channel).IssueToken(asked, timeout=5)
        admin = free_port()
        config = {
            "namespace": "default",
            "name": name,
            "pod": f"{name}-0",
            "trust_domain": "local",
            "identity_address": token.identity_address,
            "control_address": token.control_address,
            "anchors_pem": _pem(token.trust.anchors),
            "token": token.token,
            "admin": {"listen": f"127.0.0.1:{admin}"},
            "drain_s": DRAIN_S,
            **listeners,
        }
        proxy = Process(
            commands.sidecar(),
            self.folder / f"{name}.log",
            stdin=json.dumps(config).encode(),
            env=commands.sidecar_environment(),
        )
        self.proxies.append(proxy)
        self._admins.append(admin)
        proxy.wait_for(lambda: answers(f"http://127.0.0.1:{admin}/ready"))


def routes_taken(metrics: str) -> set[str]:
    """Return the names of the routes that requests took; an empty one for those that took none."""
    found = re.finditer(r"^request_total\{(.*)\} ", metrics, re.MULTILINE)
    names = (re.search(r'route_name="([^"]*)"', series[1]) for series in found)
    return {name[1] if name else "" for name in names}


def describe(way: Way) -> dict[str, object]:
    """Return the mesh.yaml of a way: of its routes, the requests match the last."""
    routes = [
        {"name": f"r{i}", "port": way.kind, "pathPrefix": prefix} for i, prefix in enumerate(prefixes(way.routes))
    ]
    if routes:
        routes[-1]["name"] = "bench"
    workload: dict[str, object] = {
        "name": SERVER,
        "command": "origin",
        "ports": dict.fromkeys((way.kind, BARE), "auto"),
    }
    workload["routes"] = routes
    if way.kind == "tcp":
        workload["opaque"] = [way.kind]
    return {"name": "bench", "workloads": [workload]}


def prefixes(count: int) -> list[str]:
    """Return so many path prefixes, as an API has them; the last is that of the load."""
    return [*(f"/api/v{i % 3}/resource{i}/items" for i in range(count - 1)), HTTP_PATH][-count:] if count else []


def _greets(channel: grpc.Channel) -> bool:
    try:
        control_pb2_grpc.ControlStub(channel).Hello(control_pb2.HelloRequest(), timeout=1)
    except grpc.RpcError:
        return False
    return True


def _pem(anchors: Iterable[bytes]) -> str:
    return "".join(ssl.DER_cert_to_PEM_cert(anchor) for anchor in anchors)
