"""Counting: each exchange that ends adds one to the cell of its edge, route and outcome, with latency and sizes.

The cell is looked up among those of the link (state/peers) and made at the first use only; nothing is sampled. From
what a cell stands for follows its class, so that is decided with it.
"""

from math import ceil

from agents.sidecar.engine.classify import classify
from agents.sidecar.engine.exchange import Exchange
from agents.sidecar.state.cells import HttpCell
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.peers import UNKNOWN_PEER, UNKNOWN_SERVICE, Link
from meshcore.wire import buckets

_SHORT_MS = 100.0
_SHORT = [buckets.index(ms) for ms in range(int(_SHORT_MS) + 1)]  # by latency, rounded up: bounds are whole numbers


class Measure:
    """Adds to Counters, and says of each exchange whether it failed. What has begun is counted by Limit."""

    __slots__ = ("_counters", "_nowhere")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._nowhere = Link(UNKNOWN_PEER, UNKNOWN_SERVICE)  # for what never came to have a place to go

    def on_end(self, x: Exchange) -> None:
        self._counters.inflight -= 1
        link = x.link
        if link is None:
            link = self._nowhere
        key = (x.status, x.route, x.protocol, x.grpc_status, x.error)
        cell: HttpCell | None = link.cells.get(key)
        if cell is None:
            cell = self._cell(x, link)
            if len(link.cells) < 1000:
                link.cells[key] = cell
        x.classification = cell.classification
        latency_ms = (x.ended - x.started) * 1000.0
        cell.count += 1
        cell.buckets[_SHORT[ceil(latency_ms)] if latency_ms < _SHORT_MS else buckets.index(latency_ms)] += 1
        cell.latency_sum_ms += latency_ms
        cell.request_bytes += x.request_bytes
        cell.response_bytes += x.response_bytes

    def _cell(self, x: Exchange, link: Link) -> HttpCell:
        edge = link.edge
        if edge is None:
            peer, service = link.peer, link.service
            edge = link.edge = self._counters.edge(
                x.direction, peer, service.namespace, service.name, service.port, peer.tls, peer.no_tls_reason
            )
        outcome = classify(x.protocol, x.status, x.grpc_status, x.error)
        cell: HttpCell = edge.http(x.route, x.protocol, x.status, x.grpc_status, outcome, x.error)
        return cell
