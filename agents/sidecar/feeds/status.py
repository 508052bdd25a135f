"""The sidecar about itself: what goes with the counters once a second, and onto the screen of meshed pods.

All of it is the whole sidecar's, whatever the number of its processes (state/others).
"""

import os
import time

from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.others import Load, Others
from agents.sidecar.state.runtime import Runtime
from meshcore.wire import discovery_pb2
from meshcore.wire.ids import join

MAX_ENDPOINTS = 200
_PAGE = os.sysconf("SC_PAGE_SIZE")


def rss_bytes() -> int:
    """Return the process's resident memory, or 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


class Status:
    """Makes ProxyStatus messages; the share of a core is over the time since the last one."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._cpu = self._spent()
        self._at = time.monotonic()

    def __call__(self) -> discovery_pb2.ProxyStatus:
        cpu, at = self._spent(), time.monotonic()
        share = 100 * (cpu - self._cpu) / max(at - self._at, 0.001)
        self._cpu, self._at = cpu, at
        counters = self._runtime.counters
        status = discovery_pb2.ProxyStatus(
            time_ms=int(time.time() * 1000),
            cpu_us=int(cpu * 1e6),
            cpu_percent=share,
            rss_bytes=rss_bytes() + self._runtime.others.sum("rss_bytes"),
            tap_dropped=self._runtime.taps.dropped,
            connections=max(0, counters.connections),
            inflight=max(0, counters.inflight) + self._runtime.others.sum("inflight"),
        )
        certificate = self._runtime.certs.current
        if certificate is not None:
            status.cert_not_before_ms = int(certificate.not_before * 1000)
            status.cert_not_after_ms = int(certificate.not_after * 1000)
            status.cert_serial = certificate.serial
            status.cert_issuer = certificate.issuer
        for endpoints in self._runtime.directory.sets.values():
            for endpoint in endpoints.by_id.values():
                if len(status.endpoints) >= MAX_ENDPOINTS:
                    return status
                status.endpoints.append(_endpoint(endpoints, endpoint, self._runtime.others))
        return status

    def _spent(self) -> float:
        return time.process_time() + self._runtime.others.cpu_us / 1e6


def _endpoint(endpoints: EndpointSet, endpoint: Endpoint, others: Others) -> discovery_pb2.EndpointStatus:
    load = others.load(endpoints.target, endpoint.id, Load(endpoint.ewma if endpoint.stamp else 0.0, endpoint.inflight))
    service, edge = endpoints.service, endpoint.link.edge
    port = f":{service.port}" if service.port else ""
    return discovery_pb2.EndpointStatus(
        service=f"{service.name}.{service.namespace}{port}" if service.name else endpoints.target,
        pod=endpoint.peer.pod,
        address=join(endpoint.ip, endpoint.port),
        ewma_ms=load.ewma * 1000,
        inflight=max(0, load.inflight),
        connections=max(0, edge.tcp.open) if edge is not None else 0,
        weight=endpoint.weight,
        state="ready" if endpoint.weight else "draining",
        identity=endpoint.peer.identity,
    )
