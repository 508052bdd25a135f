"""Our side: a real local mesh of a control plane and one or two sidecars, as the launcher would start them."""

import json
import sys
from pathlib import Path

import grpc

from agents.launcher import commands
from meshcore.wire import control_pb2, control_pb2_grpc, identity_pb2, identity_pb2_grpc
from tests.bench.process import Process, answers, free_port

SERVER, CLIENT = "origin", "client"


class Mesh:
    """Sidecars in front of the origin; for a pair, one more beside the client."""

    name = "meshtui"

    def __init__(self, folder: Path, ports: dict[str, int], *, pair: bool) -> None:
        self._folder = folder
        self._others: list[Process] = []
        self.proxies: list[Process] = []
        self.entry: dict[str, int] = {}
        try:
            self._start(ports, pair)
        except BaseException:
            self.stop()
            raise

    def _start(self, ports: dict[str, int], pair: bool) -> None:
        home = self._folder / "mesh"
        home.mkdir(mode=0o700, parents=True)
        plane = Process(
            [sys.executable, "-m", "meshcore", "--mesh", "bench", "--dir", str(home)], self._folder / "control.log"
        )
        self._others.append(plane)
        with grpc.insecure_channel(f"unix:{home}/control.sock") as channel:
            plane.wait_for(lambda: _greets(channel))
            listens = {name: free_port() for name in ports}
            inbound = [
                {"name": name, "port": port, "listen": f"127.0.0.1:{listens[name]}"} for name, port in ports.items()
            ]
            self._sidecar(channel, SERVER, inbound=inbound)
            if not pair:
                self.entry = listens
                return
            self.entry = {name: free_port() for name in ports}
            outbound = [
                {"target": f"{SERVER}.default:{name}", "listen": f"127.0.0.1:{self.entry[name]}"} for name in ports
            ]
            self._sidecar(channel, CLIENT, outbound=outbound)

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
            "drain_s": 0.5,
            **listeners,
        }
        log, given = self._folder / f"{name}.log", json.dumps(config).encode()
        proxy = Process(commands.sidecar(), log, stdin=given, environment=commands.sidecar_environment())
        self.proxies.append(proxy)
        proxy.wait_for(lambda: answers(f"http://127.0.0.1:{admin}/ready"))

    def stop(self) -> None:
        for process in (*self.proxies, *self._others):
            process.stop()


def _greets(channel: grpc.Channel) -> bool:
    try:
        control_pb2_grpc.ControlStub(channel).Hello(control_pb2.HelloRequest(), timeout=1)
    except grpc.RpcError:
        return False
    return True


def _pem(anchors) -> str:
    import ssl

    return "".join(ssl.DER_cert_to_PEM_cert(anchor) for anchor in anchors)
