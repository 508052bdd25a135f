"""Sidecar processes with a configuration of the test's own, under a control plane of a few lines in the test itself.

async with Solo() as solo:
    web = await solo.inbound("web", application_port, max_requests=10)
    near = await solo.outbound("caller", web)
    web.port, near.port       # what clients dial: the application's sidecar, or a pair with mutual TLS
    web.metrics("meshtui_limit_used")

Lighter than tests/support/local, and nothing but the sidecars themselves.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from meshcore.wire import common_pb2, discovery_pb2, policy_pb2, tap_pb2
from tests.support.plane import NAME, Plane, free_port

ROOT = Path(__file__).parents[2]
NAMESPACE = "peers"


@dataclass(eq=False)
class Sidecar:
    """One process."""

    name: str
    port: int
    admin: int
    process: subprocess.Popen[bytes]
    log: Path

    def _read(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    async def metrics(self, name: str, *labels: str) -> float:
        """Return the sum of a family's series that have these labels."""
        text = await asyncio.to_thread(self._read, "/metrics")
        lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in labels))

    async def until(self, wanted: float, name: str, *labels: str, limit: float = 60.0) -> float:
        """Wait until a family's sum is as wanted, for some seconds at most; returns it."""
        value = -1.0
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while (value := await self.metrics(name, *labels)) != wanted:
                    await asyncio.sleep(0.2)
        return value

    async def under(self, bound: float, name: str, *labels: str) -> None:
        """Wait until a family's sum is less than a bound."""
        async with asyncio.timeout(60):
            while await self.metrics(name, *labels) >= bound:
                await asyncio.sleep(0.2)

    async def counts(self, name: str, *labels: str) -> bool:
        """Tell whether a family's sum comes to be more than nothing: a page of metrics may be half a second old."""
        async with asyncio.timeout(60):
            while not await self.metrics(name, *labels):
                await asyncio.sleep(0.2)
        return True

    async def ready(self) -> None:
        async with asyncio.timeout(60):
            while True:
                assert self.process.poll() is None, self.log.read_text()
                with suppress(OSError):
                    if await asyncio.to_thread(self._read, "/ready"):
                        return
                await asyncio.sleep(0.05)

    @property
    def resident(self) -> int:
        """How many bytes of memory it holds."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Solo:
    """The control plane and the processes, up between `async with` and its end."""

    def __init__(self) -> None:
        self.plane = Plane()
        self.sidecars: list[Sidecar] = []
        self._folder = tempfile.TemporaryDirectory(prefix="mt-")

    async def __aenter__(self) -> Self:
        self.plane.orders.append(tap_pb2.TapOrder(id=1, max_rps=100_000))
        await self.plane.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for sidecar in self.sidecars:
            sidecar.process.terminate()
        try:
            for sidecar in self.sidecars:
                await asyncio.to_thread(sidecar.process.wait, 20)
        finally:
            for sidecar in self.sidecars:
                sidecar.process.kill()  # does nothing to one that has ended
            await self.plane.cut()
            self._folder.cleanup()

    async def inbound(self, name: str, application: int, **more: Any) -> Sidecar:
        """Start the sidecar of an application."""
        port = free_port()
        listen = f"127.0.0.1:{port}"
        return await self._start(
            name, port, {"inbound": [{"name": "main", "port": application, "listen": listen}]}, more
        )

    async def outbound(self, name: str, *far: Sidecar, zones: Sequence[str] = (), **more: Any) -> Sidecar:
        """Start the sidecar of a client whose upstream is behind others, each in its zone."""
        self.offer(far[0].name, dict.fromkeys(far, 1), zones)
        port = free_port()
        target = {"target": f"{far[0].name}.{NAMESPACE}:80", "listen": f"127.0.0.1:{port}"}
        return await self._start(name, port, {"outbound": [target]}, more)

    def offer(self, name: str, weights: Mapping[Sidecar, int], zones: Sequence[str] = ()) -> None:
        """Say who is behind a service from now on."""
        put = [
            discovery_pb2.Endpoint(
                id=f"{there.name}-0",
                ip="127.0.0.1",
                port=there.port,
                weight=weight,
                zone=zone,
                peer=common_pb2.Peer(
                    namespace=NAMESPACE,
                    kind="deployment",
                    name=there.name,
                    pod=f"{there.name}-0",
                    service_account=there.name,
                    identity=f"spiffe://local/ns/{NAMESPACE}/sa/{there.name}",
                ),
            )
            for (there, weight), zone in zip(weights.items(), [*zones, *[""] * len(weights)], strict=False)
        ]
        service = discovery_pb2.ServiceRef(namespace=NAMESPACE, name=name, port=80)
        self.plane.endpoints.set(discovery_pb2.EndpointsUpdate(snapshot=True, exists=True, service=service, put=put))

    def route(self, name: str, prefix: str, timeout_ms: int) -> None:
        """Give a time limit to what comes in."""
        route = policy_pb2.Route(
            name=name, matches=[policy_pb2.RouteMatch(path_prefix=prefix)], request_timeout_ms=timeout_ms
        )
        port = policy_pb2.PortPolicy(routes=[route])
        self.plane.policy.set(policy_pb2.WorkloadPolicy(version=self.plane.policy.value.version + 1, inbound=[port]))

    async def ended(self, path: str, direction: int, limit: float = 60.0) -> tap_pb2.ResponseEnd:
        """Return how tap has seen a request end that nobody else made under this path."""
        begun: dict[str, bool] = {}
        async with asyncio.timeout(limit):
            while True:
                report = await self.plane.tapped.get()
                for event in report.events:
                    if event.direction == direction and event.request_init.path == path:
                        begun[event.request_id] = True
                    if event.request_id in begun and event.HasField("response_end"):
                        return event.response_end

    async def _start(self, name: str, port: int, what: dict[str, Any], more: dict[str, Any]) -> Sidecar:
        plane, admin = self.plane, free_port()
        plane.tokens.add(f"token-of-{name}")
        config = {
            "namespace": NAMESPACE,
            "name": name,
            "pod": f"{name}-0",
            "trust_domain": "local",
            "identity_address": f"127.0.0.1:{plane.identity_port}",
            "control_address": f"127.0.0.1:{plane.control_port}",
            "control_name": NAME,
            "anchors_pem": plane.anchors_pem,
            "token": f"token-of-{name}",
            "admin": {"listen": f"127.0.0.1:{admin}"},
            "drain_s": 0.2,
            **what,
            **more,
        }
        log = Path(self._folder.name) / f"{name}.log"
        with log.open("wb") as out:
            command = [sys.executable, "-m", "agents", "sidecar", "--config", "-"]
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=out, stderr=out)
        assert process.stdin is not None
        process.stdin.write(json.dumps(config).encode())
        process.stdin.close()
        made = Sidecar(name, port, admin, process, log)
        self.sidecars.append(made)
        await made.ready()
        return made
