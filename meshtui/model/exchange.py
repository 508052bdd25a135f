"""Exchanges: tap events folded into one row per request and direction, in a bounded ring.

The tap screen feeds events in and shows `rows`; the inspector asks `pair` for the other side of the same request.
Pure: time comes with the events. A row keeps its id for as long as it is in the ring.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from meshcore.wire.common_pb2 import Class, Direction, Peer, Protocol, Tls
from meshcore.wire.tap_pb2 import Header, TapEvent

CAPACITY = 2000
SKEW_US = 50_000  # clocks of two machines may differ by this much before two sides are no longer one request


@dataclass(slots=True)
class Exchange:
    """One request as one sidecar saw it. Times are Unix µs; what has not happened yet is None."""

    id: str
    direction: "Direction.ValueType"
    source: Peer = field(default_factory=Peer)
    destination: Peer = field(default_factory=Peer)
    proxy: Peer = field(default_factory=Peer)
    tls: "Tls.ValueType" = Tls.TLS_UNKNOWN
    no_tls_reason: str = ""
    protocol: "Protocol.ValueType" = Protocol.PROTOCOL_UNKNOWN
    route: str = ""
    attempt: int = 0
    trace_id: str = ""
    service: str = ""  # "name.namespace:port", as asked for
    started_us: int = 0
    head_seen: bool = False
    method: str = ""
    scheme: str = ""
    authority: str = ""
    path: str = ""
    request_headers: Sequence[Header] = ()
    status: int = 0
    replied_after_us: int | None = None
    response_headers: Sequence[Header] = ()
    ended_after_us: int | None = None
    grpc_status: int | None = None
    grpc_message: str = ""
    reset_code: int | None = None
    classification: "Class.ValueType" = Class.CLASS_UNSPECIFIED
    error: str = ""
    request_bytes: int = 0
    response_bytes: int = 0
    trailers: Sequence[Header] = ()

    @property
    def done(self) -> bool:
        """Whether the end has been seen."""
        return self.ended_after_us is not None

    @property
    def failed(self) -> bool:
        """Whether the sidecar called it a failure."""
        return self.classification == Class.FAILURE

    @property
    def latency_ms(self) -> float | None:
        """Time from the request's head to the end of the response, as far as it is known."""
        after = self.ended_after_us if self.ended_after_us is not None else self.replied_after_us
        return None if after is None else after / 1000


class Pair(NamedTuple):
    """The two sides of one request; `sure` where a trace id proves it, else they only fit best."""

    outbound: Exchange | None
    inbound: Exchange | None
    sure: bool


class Exchanges:
    """The ring: at most `capacity` exchanges, oldest first out; a pause freezes what is shown, not what is kept."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._ring: OrderedDict[str, Exchange] = OrderedDict()
        self._frozen: list[Exchange] | None = None
        self.seen = 0  # exchanges since the beginning, also those that have left the ring
        self.unseen = 0  # exchanges since the pause

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def paused(self) -> bool:
        return self._frozen is not None

    def extend(self, events: Iterable[TapEvent]) -> None:
        """Fold events in, in the order in which they came."""
        for event in events:
            self.add(event)

    def add(self, event: TapEvent) -> Exchange:
        """Fold one event in and return its exchange."""
        key = f"{event.request_id}/{event.direction}"
        found = self._ring.get(key)
        if found is None:
            found = self._ring[key] = Exchange(key, event.direction)
            self.seen += 1
            self.unseen += self.paused
            while len(self._ring) > self._capacity:
                self._ring.popitem(last=False)
        _fold(found, event)
        return found

    def rows(self) -> list[Exchange]:
        """Return what is shown, oldest first: everything, or what there was at the pause."""
        return list(self._ring.values()) if self._frozen is None else list(self._frozen)

    def get(self, id: str) -> Exchange | None:
        """Return an exchange by its id, from what is shown first."""
        frozen = next((each for each in self._frozen or () if each.id == id), None)
        return frozen or self._ring.get(id)

    def pause(self) -> None:
        """Freeze what is shown; requests still open are copied, so that they stay as they were."""
        if self._frozen is None:
            self._frozen = [each if each.done else copy(each) for each in self._ring.values()]
            self.unseen = 0

    def resume(self) -> None:
        """Show everything again."""
        self._frozen = None
        self.unseen = 0

    def clear(self) -> None:
        """Forget all exchanges."""
        self._ring.clear()
        self._frozen = [] if self.paused else None
        self.unseen = 0

    def pair(self, one: Exchange) -> Pair:
        """Return both sides of a request: by trace id, else the one of the same peers nearest in time."""
        others = [each for each in self._ring.values() if each.direction != one.direction and _fits(one, each)]
        traced = [each for each in others if one.trace_id and each.trace_id == one.trace_id]
        candidates = traced or [each for each in others if not (one.trace_id and each.trace_id)]
        other = min(candidates, key=lambda each: abs(each.started_us - one.started_us), default=None)
        sure = bool(traced) and len(traced) == 1
        return Pair(other, one, sure) if one.direction == Direction.INBOUND else Pair(one, other, sure)

    def trace(self, one: Exchange) -> list[Exchange]:
        """Return the requests of one trace by their start, each hop once (as its client saw it, where it did)."""
        if not one.trace_id:
            return []
        found = [each for each in self._ring.values() if each.trace_id == one.trace_id]
        sent = [each for each in found if each.direction == Direction.OUTBOUND]
        lone = [
            each
            for each in found
            if each.direction != Direction.OUTBOUND and not any(_fits(each, other) for other in sent)
        ]
        return sorted([*sent, *lone], key=lambda each: each.started_us)


def _fold(into: Exchange, event: TapEvent) -> None:
    """Write what an event knows into its exchange; later events of a request refine earlier ones."""
    into.source, into.destination, into.proxy = event.source, event.destination, event.proxy
    into.tls, into.no_tls_reason = event.tls, event.no_tls_reason
    into.protocol = event.protocol or into.protocol
    into.route = event.route or into.route
    into.attempt = max(into.attempt, event.attempt)
    into.trace_id = event.trace_id or into.trace_id
    if event.service_name:
        port = f":{event.port}" if event.port else ""
        into.service = f"{event.service_name}.{event.service_namespace}{port}"
    kind = event.WhichOneof("event")
    if kind == "request_init":
        head = event.request_init
        into.head_seen, into.started_us = True, event.time_us
        into.method, into.scheme, into.authority, into.path = head.method, head.scheme, head.authority, head.path
        into.request_headers = head.headers
    elif kind == "response_init":
        reply = event.response_init
        into.started_us = into.started_us or event.time_us - reply.since_request_init_us
        into.status, into.replied_after_us = reply.http_status, reply.since_request_init_us
        into.response_headers = reply.headers
    elif kind == "response_end":
        _finish(into, event)


def _finish(into: Exchange, event: TapEvent) -> None:
    end = event.response_end
    into.started_us = into.started_us or event.time_us - end.since_request_init_us
    into.ended_after_us = end.since_request_init_us
    into.status = end.http_status or into.status
    into.grpc_status = end.grpc_status if end.HasField("grpc_status") else None
    into.reset_code = end.reset_code if end.HasField("reset_code") else None
    into.grpc_message, into.error, into.classification = end.grpc_message, end.error, end.classification
    into.request_bytes, into.response_bytes = end.request_bytes, end.response_bytes
    into.trailers = end.trailers


def _fits(one: Exchange, other: Exchange) -> bool:
    """Tell whether two exchanges can be the two sides of one request."""
    outbound, inbound = (one, other) if one.direction == Direction.OUTBOUND else (other, one)
    if (outbound.method, outbound.path) != (inbound.method, inbound.path):
        return False
    for ours, theirs in ((outbound.source, inbound.source), (outbound.destination, inbound.destination)):
        if ours.pod and theirs.pod and ours.pod != theirs.pod:
            return False
        if ours.name and theirs.name and (ours.namespace, ours.name) != (theirs.namespace, theirs.name):
            return False
    end = None if outbound.ended_after_us is None else outbound.started_us + outbound.ended_after_us
    after = inbound.started_us >= outbound.started_us - SKEW_US
    return after and (end is None or inbound.started_us <= end + SKEW_US)
