"""linkerd2-proxy's side, where somebody has one: LINKERD2_PROXY names a program that becomes the proxy.

The proxy takes no static configuration: it asks Linkerd's destination, policy and identity services for everything, and
those are not here. So the program named sets up what its proxy asks for, as the variables below say, and then execs it:
CPU and memory are those of the process that was started. One is started before the origin, and for a pair one more
beside the client.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.bench import certs, tools
from tests.bench.process import Process, free_port, listens
from tests.bench.rows import Way
from tests.bench.side import Side

CLIENT, SERVER = "client", "origin"
HELP = """\
LINKERD2_PROXY=FILE adds linkerd2-proxy: a program that sets up the proxy's control plane and then execs the proxy, with
one worker thread. In its environment: BENCH_LISTEN and BENCH_TO (IP:PORT), BENCH_SIDE (inbound, outbound), BENCH_KIND
(http, grpc, websocket, tcp), BENCH_TLS (1: mutual TLS 1.3 to the other side), BENCH_CERTS (a folder with ca.pem,
origin.pem, origin.key, client.pem and client.key). It is ready when it listens."""


class Linkerd(Side):
    """What LINKERD2_PROXY starts, in front of the origin; for a pair, one more beside the client."""

    name = "linkerd2-proxy"
    needs = staticmethod(tools.linkerd)

    def __init__(self, folder: Path, way: Way, ports: Mapping[str, int]) -> None:
        super().__init__(folder)
        certs.write(folder, CLIENT, SERVER)
        hop = free_port()
        self.entry = free_port() if way.pair else hop
        try:
            self._start(SERVER, orders(folder, way, hop, ports[way.kind], inbound=True), hop)
            if way.pair:
                self._start(CLIENT, orders(folder, way, self.entry, hop, inbound=False), self.entry)
        except BaseException:
            self.stop()
            raise

    def _start(self, name: str, told: dict[str, str], port: int) -> None:
        process = Process([tools.linkerd()], self.folder / f"{name}.log", env={**os.environ, **told})
        self.proxies.append(process)
        process.wait_for(lambda: listens(port))


def orders(folder: Path, way: Way, listen: int, to: int, *, inbound: bool) -> dict[str, str]:
    """Return what one process is told in its environment."""
    return {
        "BENCH_LISTEN": f"127.0.0.1:{listen}",
        "BENCH_TO": f"127.0.0.1:{to}",
        "BENCH_SIDE": "inbound" if inbound else "outbound",
        "BENCH_KIND": way.kind,
        "BENCH_TLS": str(int(way.pair)),
        "BENCH_CERTS": str(folder),
    }
