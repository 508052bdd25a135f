"""Stand-ins for the control plane and the sidecar, and the launcher started with them.

`python fakes.py launch …` is `python -m agents launch …` with these two commands in place of the real ones, so that the
launcher's own behaviour is tested without anybody else's. Run as a program only.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import grpc

from agents.launcher import commands
from meshcore.wire import (
    control_pb2,
    control_pb2_grpc,
    discovery_pb2,
    discovery_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
)


class Control(control_pb2_grpc.ControlServicer):
    async def Hello(self, request, context):
        return control_pb2.HelloResponse(version="0", protocol=1, oldest_protocol=1, mesh="fake", home="local")

    async def Status(self, request, context):
        return control_pb2.StatusResponse(default_namespace="shop")


class Identity(identity_pb2_grpc.LocalIdentityServicer):
    async def IssueToken(self, request, context):
        return identity_pb2.IssueTokenResponse(
            token="t",
            identity=f"spiffe://local/ns/{request.namespace}/sa/{request.service_account}",
            trust=identity_pb2.TrustBundle(anchors=[b"anchor"]),
            identity_address="127.0.0.1:1",
            control_address="127.0.0.1:2",
        )


class Inventory(discovery_pb2_grpc.InventoryServicer):
    def __init__(self):
        self.reports = {}

    async def Report(self, requests, context):
        name = ""
        try:
            async for report in requests:
                name = report.launcher
                self.reports[name] = report
                yield discovery_pb2.LauncherReply()
        finally:
            self.reports.pop(name, None)

    async def Pods(self, request, context):
        return discovery_pb2.PodsResponse(
            pods=[
                discovery_pb2.Pod(status=status, meshed=status.meshed)
                for report in self.reports.values()
                for status in report.instances
            ]
        )


async def control(folder):
    options = [("grpc.http2.min_recv_ping_interval_without_data_ms", 500), ("grpc.http2.max_ping_strikes", 0)]
    server = grpc.aio.server(options=options)
    control_pb2_grpc.add_ControlServicer_to_server(Control(), server)
    identity_pb2_grpc.add_LocalIdentityServicer_to_server(Identity(), server)
    discovery_pb2_grpc.add_InventoryServicer_to_server(Inventory(), server)
    socket = Path(folder) / "control.sock"
    socket.unlink(missing_ok=True)
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    await ended()
    await server.stop(0)


async def sidecar():
    """Forward every inbound port as it is, and answer at the admin port."""
    import socket

    config = json.load(sys.stdin)

    def taken(listen):
        return socket.socket(fileno=int(listen.removeprefix("fd:")))

    async def admin(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    def forward(port):
        async def connected(reader, writer):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)

            async def copy(source, sink):
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
                sink.close()

            await asyncio.gather(copy(reader, up_writer), copy(up_reader, writer), return_exceptions=True)

        return connected

    servers = [await asyncio.start_server(admin, sock=taken(config["admin"]["listen"]))]
    servers += [
        await asyncio.start_server(forward(inbound["port"]), sock=taken(inbound["listen"]))
        for inbound in config.get("inbound", [])
    ]
    await ended()


async def ended():
    event = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, event.set)
    await event.wait()


def main():
    verb = sys.argv[1]
    if verb == "control":
        if os.environ.get("FAKE_CONTROL") == "broken":
            sys.exit(sys.stderr.write("cannot find my key\n") and 5)
        asyncio.run(control(sys.argv[2]))
    elif verb == "sidecar":
        asyncio.run(sidecar())
    else:
        fake = [sys.executable, str(Path(__file__).resolve())]
        commands.control = lambda place, trust_domain, config: [*fake, "control", str(place.path)]
        commands.sidecar = lambda: [*fake, "sidecar"]
        commands.launch = lambda: [*fake, "launch"]
        from agents.launcher.main import main as launch

        sys.exit(launch(sys.argv[2:]))


if __name__ == "__main__":
    main()
