"""All that a busy sidecar keeps up with its control plane, beside the endpoints that it watches: without the sidecar.

Its presence, the trust bundle, its policy, taps, and once a second the counters of requests it did not serve. The feeds
are the sidecar's own; a crowd (crowd.py) has one of these for each pod that it stands for.
"""

import asyncio
import logging
from typing import NamedTuple

from agents.runtime.drain import Drain
from agents.sidecar.feeds.discovery import Discovery
from agents.sidecar.feeds.line import Line
from agents.sidecar.feeds.policy import Policy
from agents.sidecar.feeds.stats import Stats
from agents.sidecar.feeds.status import Status
from agents.sidecar.feeds.tap import Tap
from agents.sidecar.feeds.uplink import Uplink
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import Counters, Edge
from agents.sidecar.state.peers import TLS_MUTUAL, Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.wire import discovery_pb2, identity_pb2, policy_pb2
from meshcore.wire.buckets import index
from meshcore.wire.common_pb2 import HTTP1, INBOUND, OUTBOUND, SUCCESS
from meshcore.wire.version import PROTOCOL, VERSION

NEIGHBOURS = 1  # workloads that call it, and that it calls; this process has to do the work of all
PORT = 8080


class Instance(NamedTuple):
    """The pod that one stands for."""

    namespace: str
    owner: str
    pod: str


class Whole:
    """One sidecar's feeds; `neighbours` are pods that it counts requests from and to."""

    def __init__(self, who: Instance, neighbours: list[Instance], uplink: Uplink, certs: Certs) -> None:
        log = logging.getLogger("crowd")
        boot_id = f"boot-{who.pod}"
        self._me = Peer(who.namespace, "deployment", who.owner, who.pod, "default")
        counters = Counters()
        taps = Taps(self._me, boot_id, lambda: 0.0)
        runtime = Runtime(self._me, boot_id, counters, taps, certs, Drain(), log)
        self._edges = [
            counters.edge(direction, _peer(each), each.namespace, each.owner, 80, TLS_MUTUAL, "")
            for each in neighbours
            for direction in (INBOUND, OUTBOUND)
        ]
        self._uplink = uplink
        instance = discovery_pb2.Instance(
            namespace=who.namespace,
            kind="deployment",
            name=who.owner,
            pod=who.pod,
            service_account="default",
            ports=[discovery_pb2.InstancePort(name="http", port=PORT, proxy_ip="127.0.0.1", proxy_port=PORT)],
            proxy_version=VERSION,
            protocol=PROTOCOL,
            boot_id=boot_id,
        )
        wanted = policy_pb2.PolicyRequest(namespace=who.namespace, kind="deployment", name=who.owner, pod=who.pod)
        stats = Stats(self._me, boot_id, counters, Status(runtime), uplink, log, gather=self._count)
        loop = asyncio.get_running_loop()
        self.tasks = [
            loop.create_task(uplink.keep(name, session))
            for name, session in (
                ("presence", Discovery(instance, runtime.directory, uplink, log).register),
                ("trust", self._trust),
                ("policy", Policy(wanted, runtime.rules, uplink, log).watch),
                ("stats", stats.push),
                ("tap", Tap(self._me, boot_id, taps, uplink, log).attach),
            )
        ]
        self.tasks.append(loop.create_task(stats.drain()))

    async def _count(self) -> None:
        """Have served ten requests a second of each neighbour, and made as many."""
        for edge in self._edges:
            _served(edge, 10)

    async def _trust(self, line: Line) -> None:
        async with line.call("/meshtui.v1.Identity/WatchTrust", identity_pb2.TrustBundle) as call:
            await call.write(b"", end=True)
            async for _ in call:
                self._uplink.heard("trust")


def _served(edge: Edge, count: int) -> None:
    cell = edge.http("", HTTP1, 200, None, SUCCESS, "")
    for latency_ms in range(1, count + 1):
        cell.count += 1
        cell.buckets[index(latency_ms)] += 1
        cell.latency_sum_ms += latency_ms


def _peer(who: Instance) -> Peer:
    return Peer(who.namespace, "deployment", who.owner, who.pod, "default", tls=TLS_MUTUAL)
