"""Load over real replicas behind real sidecars: equal shares, a slow one spared, the own zone first, and sidecars that
are ended one after the other under load without a request lost."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.support.local import Local
from tests.support.shell import eventually

# Says who it is, over HTTP/1 and gRPC alike; `slow` ones take their time.
_REPLICA = """
import asyncio, os, sys
import grpc, grpc.aio
name, slow = sys.argv[1].encode(), sys.argv[1] in sys.argv[2].split(",")
async def pause():
    await asyncio.sleep(0.15 if slow else 0.01)
async def client(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\\r\\n\\r\\n")
            await pause()
            writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\n\\r\\n%b" % (len(name), name))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def unary(request, context):
    await pause()
    return name
async def main():
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(unary)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Who": handler}),))
    server.add_insecure_port("127.0.0.1:" + os.environ["PORT_GRPC"])
    await server.start()
    async with await asyncio.start_server(client, "127.0.0.1", int(os.environ["PORT_HTTP"])) as http:
        await http.serve_forever()
asyncio.run(main())
"""
REPLICAS = 4


def _replicas(slow: str = "", **more: Any) -> dict[str, Any]:
    return {
        "command": [sys.executable, "-c", _REPLICA, "${pod}", slow],
        "ports": {"http": "auto", "grpc": "auto"},
        "replicas": REPLICAS,
        "ready": {"tcp": True},
        **more,
    }


@pytest.fixture(scope="module")
def mesh() -> Iterator[Local]:
    workloads = {
        "equal": _replicas(),
        "uneven": _replicas("uneven-2"),
        "zoned": _replicas(zone=["west", "east"]),
        "far": _replicas("far-0,far-2", zone=["west", "east"]),
    }
    upstreams = [f"{name}:{port}" for name in workloads for port in ("http", "grpc")]
    with Local(workloads, {"zone": "west", "upstreams": upstreams}) as up:
        yield up


async def _http(port: int, times: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        body = (await reader.readexactly(length)).decode()
        assert head.startswith(b"HTTP/1.1 200"), head + body.encode()
        seen[body] += 1
    writer.close()
    return seen


async def _load(mesh: Local, name: str, protocol: str, clients: int = 8, times: int = 150) -> Counter[str]:
    """Return how many requests each replica answered; raises if one of them was not."""
    port = mesh.outbound(f"{name}_{protocol}")
    if protocol == "http":
        return sum(await asyncio.gather(*[_http(port, times) for _ in range(clients)]), Counter())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        who = channel.unary_unary("/t.T/Who")

        async def ask() -> Counter[str]:
            return Counter([(await who(b"", timeout=60)).decode() for _ in range(times)])

        return sum(await asyncio.gather(*[ask() for _ in range(clients)]), Counter())


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_equal_replicas_get_equal_shares(mesh: Local, protocol: str) -> None:
    await _load(mesh, "equal", protocol, times=20)
    shares = await _load(mesh, "equal", protocol, times=400)
    fair = shares.total() / REPLICAS
    assert len(shares) == REPLICAS
    assert all(abs(share - fair) <= 0.15 * fair for share in shares.values()), shares


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_a_slow_replica_gets_less_than_half_of_its_share(mesh: Local, protocol: str) -> None:
    shares = await _load(mesh, "uneven", protocol)
    assert 0 < shares["uneven-2"] < shares.total() / REPLICAS / 2, shares


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_the_own_zone_first(mesh: Local, protocol: str) -> None:
    shares = await _load(mesh, "zoned", protocol, clients=4)
    assert shares["zoned-0"] + shares["zoned-2"] >= 0.97 * shares.total(), shares
    assert min(shares["zoned-0"], shares["zoned-2"]) > 0.4 * shares.total(), shares


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_another_zone_if_the_own_one_is_clearly_slower(mesh: Local, protocol: str) -> None:
    await _load(mesh, "far", protocol, clients=12, times=20)
    shares = await _load(mesh, "far", protocol, clients=12)
    assert shares["far-0"] + shares["far-2"] < 0.4 * shares.total(), shares


def _sidecars(mesh: Local) -> dict[str, tuple[int, bool]]:
    """Return process and readiness of each replica's sidecar."""
    rows = json.loads(mesh.shell.run("ps", "-o", "json"))["instances"]
    return {each["pod"]: (each["proxy_pid"], bool(each["ready"])) for each in rows if each["name"] == "equal"}


async def test_sidecars_end_one_by_one_under_load_and_nobody_notices(mesh: Local) -> None:
    asked: Counter[str] = Counter()
    over = asyncio.Event()

    async def ask(protocol: str) -> None:
        while not over.is_set():
            asked.update(await _load(mesh, "equal", protocol, clients=2, times=10))
            asked[protocol] += 20

    asking = [asyncio.ensure_future(ask(protocol)) for protocol in ("http", "grpc")]
    try:
        for pod, (pid, _) in _sidecars(mesh).items():
            before = asked.copy()
            os.kill(pid, signal.SIGTERM)

            def back(pod: str = pod, pid: int = pid) -> bool:
                now, ready = _sidecars(mesh)[pod]
                return ready and now not in (0, pid)

            assert await asyncio.to_thread(eventually, back, 20), pod
            async with asyncio.timeout(60):  # the new one is found and takes part
                while not all(asked[each] > before[each] for each in ("http", "grpc", pod)):
                    for task in asking:
                        if task.done():
                            task.result()
                    await asyncio.sleep(0.05)
    finally:
        over.set()
        ended = await asyncio.gather(*asking, return_exceptions=True)
    assert ended == [None, None]
    assert asked["http"] > 200
    assert asked["grpc"] > 200
