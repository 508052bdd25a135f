"""Asking a process whether it can do its work: an application as its `ready` says, a sidecar at its admin port.

Each probe returns the empty string, or the reason why not. Probes go straight to the application, so they never
show in the mesh's figures.
"""

import asyncio
import re

from agents.launcher.plan import Instance, Probe
from agents.launcher.ports import HOST, listening, reachable

LIMIT_S = 2.0
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")


async def application(instance: Instance) -> str:
    """Probe an application."""
    probe = instance.probe
    try:
        async with asyncio.timeout(LIMIT_S):
            match probe.kind:
                case "http":
                    return await http(probe.port, probe.what)
                case "grpc":
                    return await _grpc(probe)
                case "tcp":
                    return await _tcp(probe.port)
    except TimeoutError:
        return f"port {probe.port} did not answer within {LIMIT_S:g} s"
    found = listening() if instance.ports else {}
    for port in instance.ports:
        if (addresses := found.get(port.number)) is None:
            return f"does not listen on port {port.number} ({port.name})"
        if not reachable(addresses):
            where = ", ".join(sorted(addresses))
            return f"listens on port {port.number} ({port.name}) only at {where}; let it listen at {HOST}"
    return ""


async def sidecar(instance: Instance) -> str:
    """Probe a sidecar."""
    if instance.admin is None:
        return ""
    try:
        async with asyncio.timeout(LIMIT_S):
            return await http(instance.admin.port, "/ready")
    except TimeoutError:
        return "its admin port does not answer"


async def http(port: int, path: str) -> str:
    """Probe a path over HTTP/1.1: 200 to 399 is well."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError as error:
        return _unreached(port, error)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
        match = _STATUS.match(await reader.readline())
        if match is None:
            return f"port {port} does not speak HTTP"
        return "" if 200 <= int(match[1]) < 400 else f"{path} answers {int(match[1])}"
    except (OSError, ValueError) as error:
        return f"port {port}: {error}"
    finally:
        writer.transport.abort()


async def _tcp(port: int) -> str:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError as error:
        return _unreached(port, error)
    writer.close()
    return ""


def _unreached(port: int, error: OSError) -> str:
    return f"port {port} refuses connections" if isinstance(error, ConnectionRefusedError) else f"port {port}: {error}"


async def _grpc(probe: Probe) -> str:
    """Ask grpc.health.v1.Health; the two messages are too small for a dependency."""
    import grpc  # only here: few workloads need it, and meshcore.client is to set it up first

    name = probe.what.encode()
    request = b"\x0a" + bytes([len(name)]) + name if name else b""  # HealthCheckRequest{service = 1}
    options = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(f"{HOST}:{probe.port}", options=options) as channel:
        try:
            check = channel.unary_unary("/grpc.health.v1.Health/Check", bytes, bytes)
            reply = await check(request, timeout=LIMIT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return f"port {probe.port} has no grpc.health.v1; probe it with tcp: true"
            return f"port {probe.port}: gRPC {error.code().name}"
    return "" if reply[:2] == b"\x08\x01" else f"gRPC service {probe.what or '(all)'} is not serving"
