"""What Prometheus may know of a cluster's control plane; collected when it asks. doors.py serves it."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as Base

if TYPE_CHECKING:
    from meshcore.server.cluster import ClusterPlane


class Collector(Base):
    """Reads the figures off a control plane."""

    def __init__(self, plane: "ClusterPlane") -> None:
        self._plane = plane

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        plane = self._plane
        core, injector = plane.core, plane.injector
        requests = CounterMetricFamily("proxy_inject_admission_requests", "Admission requests for pods.")
        requests.add_metric([], injector.requests)
        yield requests
        responses = CounterMetricFamily(
            "proxy_inject_admission_responses", "Admission responses by what was decided.", labels=["verdict"]
        )
        for verdict, count in injector.verdicts.items():
            responses.add_metric([verdict], count)
        yield responses
        certificates = CounterMetricFamily(
            "meshtui_certificates", "Requests for certificates by outcome.", labels=["outcome"]
        )
        certificates.add_metric(["issued"], core.identity.issued)
        certificates.add_metric(["refused"], core.identity.refused)
        yield certificates
        left = core.store.authority.issuer.not_valid_after_utc.timestamp() - time.time()
        yield GaugeMetricFamily("issuer_cert_ttl_seconds", "Time until the issuer's certificate expires.", left)
        own = sum(entry.uplink is not None for entry in core.registry.entries())
        yield GaugeMetricFamily("meshtui_uplinks", "Sidecars that are connected to this replica.", own)
        answering = len(plane.replicas.circle.links())
        yield GaugeMetricFamily("meshtui_replicas", "Replicas that answer, this one too.", 1 + answering)
        yield GaugeMetricFamily("meshtui_series", "Series in the stats ring.", core.counts.series)
        yield GaugeMetricFamily("meshtui_taps", "Taps that are on.", core.taps.taps)
        yield GaugeMetricFamily("meshtui_streams", "Streams open through the API server.", plane.access.streams)
        yield from self._watches()

    def _watches(self) -> Iterator[Metric]:
        families = [
            CounterMetricFamily(f"meshtui_watch_{name}", text, labels=["path"])
            for name, text in (
                ("events", "Events of watches."),
                ("relists", "Watches begun anew after a version grew too old."),
                ("failures", "Failures of watches."),
            )
        ]
        synced = GaugeMetricFamily("meshtui_watch_synced", "Whether a watch is in step.", labels=["path"])
        for watch in self._plane.cluster.watches:
            state = watch.state
            for family, value in zip(families, (state.events, state.relists, state.failures), strict=True):
                family.add_metric([state.path], value)
            synced.add_metric([state.path], int(watch.synced.is_set() and state.failure is None))
        yield from families
        yield synced
