"""Asking a process whether it can do its work: an application as its `ready` says, a sidecar at its admin port.

Each probe returns the empty string, or the reason why not. Probes go straight to the application, so they never
show in the mesh's figures.
"""

import asyncio
import re

from agents.launcher.address import HOST, Address
from agents.launcher.plan import Instance, Probe
from agents.launcher.ports import listening, reachable

LIMIT_S = 2.0
SILENT = "its admin port does not answer"
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")


async def application(instance: Instance) -> str:
    """Probe an application."""
    probe = instance.probe
    try:
        async with asyncio.timeout(LIMIT_S):
            match probe.kind:
                case "http":
                    return await http(probe.address, probe.what)
                case "grpc":
                    return await _grpc(probe)
                case "tcp":
                    return await _tcp(probe.address)
    except TimeoutError:
        return f"{probe.address.brief} did not answer within {LIMIT_S:g} s"
    found = listening() if instance.ports else {}
    for port in instance.ports:
        if port.address.path:
            if reason := await _socket(port.address):
                return f"{reason} ({port.name})"
            continue
        if (addresses := found.get(port.number)) is None:
            return f"does not listen on port {port.number} ({port.name})"
        if not reachable(addresses, port.host):
            where = ", ".join(sorted(addresses))
            return f"listens on port {port.number} ({port.name}) only at {where}; let it listen at {port.host}"
    return ""


async def sidecar(instance: Instance) -> str:
    """Probe a sidecar."""
    if instance.admin is None:
        return ""
    try:
        async with asyncio.timeout(LIMIT_S):
            return await http(Address(HOST, instance.admin.port), "/ready")
    except TimeoutError:
        return SILENT


async def http(address: Address, path: str) -> str:
    """Probe a path over HTTP/1.1: 200 to 399 is well."""
    try:
        reader, writer = await _connect(address)
    except OSError as error:
        return _unreached(address, error)
    host = "localhost" if address.path else str(address)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        match = _STATUS.match(await reader.readline())
        if match is None:
            return f"{address.brief} does not speak HTTP"
        return "" if 200 <= int(match[1]) < 400 else f"{path} answers {int(match[1])}"
    except (OSError, ValueError) as error:
        return f"{address.brief}: {error}"
    finally:
        writer.transport.abort()


async def _tcp(address: Address) -> str:
    try:
        _, writer = await _connect(address)
    except OSError as error:
        return _unreached(address, error)
    writer.close()
    return ""


async def _socket(address: Address) -> str:
    """Say why nobody listens at a Unix socket. It is tried: the system's list has paths as programs gave them."""
    try:
        async with asyncio.timeout(LIMIT_S):
            return await _tcp(address)
    except TimeoutError:
        return f"{address} is full"


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.path:
        return await asyncio.open_unix_connection(address.path)
    return await asyncio.open_connection(address.host, address.port)


def _unreached(address: Address, error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"{address.brief} refuses connections"
    if isinstance(error, FileNotFoundError):
        return f"there is no {address.brief} yet"
    return f"{address.brief}: {error}"


async def _grpc(probe: Probe) -> str:
    """Ask grpc.health.v1.Health; the two messages are too small for a dependency."""
    import grpc  # only here: few workloads need it, and meshcore.client is to set it up first

    name = probe.what.encode()
    request = b"\x0a" + bytes([len(name)]) + name if name else b""  # HealthCheckRequest{service = 1}
    options = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(str(probe.address), options=options) as channel:
        try:
            check = channel.unary_unary("/grpc.health.v1.Health/Check", bytes, bytes)
            reply = await check(request, timeout=LIMIT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return f"{probe.address.brief} has no grpc.health.v1; probe it with tcp: true"
            return f"{probe.address.brief}: gRPC {error.code().name}"
    return "" if reply[:2] == b"\x08\x01" else f"gRPC service {probe.what or '(all)'} is not serving"
