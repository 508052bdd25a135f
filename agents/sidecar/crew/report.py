"""What a worker reports: counts since the last report, how much it has to do, what it costs.

crew/follower asks for one several times a second, and when the lead wants to know. Each gain is reported once: what is
in a report is not in the next.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

from agents.sidecar.crew.handover import Taker
from agents.sidecar.feeds.ledger import Ledger, Stream
from agents.sidecar.state.cells import TcpCell
from agents.sidecar.state.counters import TcpDelta
from agents.sidecar.state.endpoints import EndpointSet
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.traffic import Traffic
from meshcore.wire import worker_pb2

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Reporter:
    """Makes the reports of one worker process."""

    def __init__(self, runtime: Runtime, traffic: Traffic, taker: Taker) -> None:
        self._runtime = runtime
        self._traffic = traffic
        self._taker = taker
        self._ledger = Ledger(keep_ms=0, keep_bytes=0)  # the lead keeps what the control plane may ask for again
        self._stream = Stream()
        self._errors: dict[TcpCell, dict[str, int]] = {}
        self._counts: dict[str, Mapping[Any, int]] = {
            "limit": runtime.bounds.refused,
            "tls": runtime.certs.refusals.counts,
            "name": runtime.counters.names,
            "violation": runtime.violations.counts,
        }
        self._gains: dict[tuple[str, Any], int] = {}  # told so far
        self._loads: dict[str, worker_pb2.TargetLoad] = {}

    def make(self, answer: int = 0) -> worker_pb2.WorkerReport:
        """Return a report of everything since the last one."""
        counters = self._runtime.counters
        drained = counters.drain()
        report = worker_pb2.WorkerReport(
            answer=answer,
            overflowed=counters.overflowed,
            taken=self._taker.taken,
            clients=self._traffic.clients,
            waiting_bytes=max(0, self._runtime.bounds.waiting),
        )
        report.stats.MergeFromString(self._stream.encode(self._ledger.add(drained, int(time.time() * 1000))))
        edges = {tcp.edge for tcp in drained.tcp} | {http.cell.edge for http in drained.http}
        report.overflow.extend(edge.id for edge in edges if edge.peer is None)
        for tcp in drained.tcp:
            if tcp.closed and tcp.edge.tcp.errors:
                self._closed(tcp, report)
        for of, counts in self._counts.items():
            self._gain(of, counts, report)
        report.stats.status.inflight = max(0, counters.inflight)
        self._process(report)
        for endpoints in self._runtime.directory.sets.values():
            self._load(endpoints, report)
        for name in [name for name in self._loads if name not in self._runtime.directory.sets]:
            del self._loads[name]
            report.targets.add(target=name)
        return report

    def _closed(self, tcp: TcpDelta, report: worker_pb2.WorkerReport) -> None:
        told = self._errors.setdefault(tcp.edge.tcp, {})
        for errno, count in tcp.edge.tcp.errors.items():
            if count != told.get(errno, 0):
                report.errors.add(edge=tcp.edge.id, errno=errno, count=count - told.get(errno, 0))
                told[errno] = count

    def _gain(self, of: str, counts: Mapping[Any, int], report: worker_pb2.WorkerReport) -> None:
        for key, count in counts.items():
            told = self._gains.get((of, key), 0)
            if count != told:
                parts = map(str, key) if isinstance(key, tuple) else (key,)
                report.gains.add(of=of, key=parts, count=count - told)
                self._gains[of, key] = count

    def _process(self, report: worker_pb2.WorkerReport) -> None:
        status = report.stats.status
        status.cpu_us = int(time.process_time() * 1e6)
        try:
            with open("/proc/self/statm", "rb") as statm:
                size, resident = statm.read().split()[:2]
            report.descriptors = len(os.listdir("/proc/self/fd"))
            report.threads = len(os.listdir("/proc/self/task"))
        except (OSError, ValueError):
            return  # the system does not tell
        report.virtual_bytes, status.rss_bytes = int(size) * _PAGE, int(resident) * _PAGE

    def _load(self, endpoints: EndpointSet, report: worker_pb2.WorkerReport) -> None:
        told = self._loads.get(endpoints.target)
        if told is not None and told.used == endpoints.used and not any(each.inflight for each in told.endpoints):
            return  # nobody has asked for it since
        load = worker_pb2.TargetLoad(target=endpoints.target, used=endpoints.used)
        for endpoint in endpoints.by_id.values():
            load.endpoints.add(
                id=endpoint.id,
                ewma=endpoint.ewma if endpoint.stamp else 0.0,
                inflight=max(0, endpoint.inflight),
            )
        if load != told:
            self._loads[endpoints.target] = load
            report.targets.append(load)
