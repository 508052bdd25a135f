"""Tap orders: which exchanges one viewer wants to see, compiled once, asked at the head and at the end.

Most of an order is known at the head; status, class, latency and (outbound) the chosen endpoint are known only later,
so an order has two questions: may this match, and does it.
"""

import re
from typing import Final

from agents.sidecar.engine.exchange import INBOUND, Exchange
from agents.sidecar.state.peers import Peer
from meshcore.wire import common_pb2, tap_pb2

NO, LATER, YES = range(3)
DEFAULT_RPS: Final = 100.0


class Order:
    """One TapOrder: its match, and a token bucket that bounds what it costs."""

    __slots__ = (
        "_authority",
        "_from",
        "_grpc_statuses",
        "_header",
        "_last",
        "_match",
        "_methods",
        "_prefix",
        "_rate",
        "_regex",
        "_scheme",
        "_statuses",
        "_tail",
        "_tokens",
        "headers",
        "id",
        "refused",
    )

    def __init__(self, order: tap_pb2.TapOrder, now: float) -> None:
        match = order.match
        self.id = order.id
        self.headers = order.headers
        self.refused = ""  # why it can never match
        self._match = match
        self._from: common_pb2.Resource = getattr(match, "from")  # a keyword of Python's
        self._methods = frozenset(method.upper().encode() for method in match.methods)
        self._prefix = match.path_prefix.encode()
        self._authority = match.authority.lower().encode()
        self._scheme = match.scheme.lower().encode()
        self._regex: re.Pattern[bytes] | None = None
        try:
            self._regex = re.compile(match.path_regex.encode()) if match.path_regex else None
        except re.error as error:
            self.refused = f"path_regex: {error}"
        self._header = match.header.name.lower().encode() if match.HasField("header") else b""
        self._statuses = [(wanted.min, wanted.max) for wanted in match.statuses]
        self._grpc_statuses = frozenset(match.grpc_statuses)
        self._tail = bool(self._statuses or self._grpc_statuses or match.classification or match.min_latency_ms > 0)
        self._rate = order.max_rps or DEFAULT_RPS
        self._tokens = max(1.0, self._rate)
        self._last = now

    def admit(self, now: float) -> bool:
        """Take a token; False if this order has had its share for now."""
        burst = max(1.0, self._rate)
        self._tokens = min(burst, self._tokens + (now - self._last) * self._rate)
        self._last = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def at_head(self, x: Exchange, me: Peer) -> int:
        """Tell whether the order takes this exchange: NO, YES, or LATER, when more of it is known."""
        match = self._match
        if self.refused or (match.direction and match.direction != x.direction):
            return NO
        if self._methods and x.method not in self._methods:
            return NO
        if self._prefix and not x.path.startswith(self._prefix):
            return NO
        if self._scheme and x.scheme != self._scheme:
            return NO
        if self._authority and not _same_authority(x.authority.lower(), self._authority):
            return NO
        if self._regex is not None and self._regex.search(x.path) is None:
            return NO
        if self._header:
            value = x.header(self._header)
            if value is None or (match.header.value and value != match.header.value):
                return NO
        ends = self._ends(x, me)
        return LATER if ends == YES and self._tail else ends

    def at_end(self, x: Exchange, me: Peer) -> bool:
        """Tell whether an exchange that was LATER at its head is taken, now that all of it is known."""
        match = self._match
        if self._statuses and not any(low <= x.status <= (high or low) for low, high in self._statuses):
            return False
        if self._grpc_statuses and x.grpc_status not in self._grpc_statuses:
            return False
        if match.classification and match.classification != x.classification:
            return False
        if match.min_latency_ms > 0 and (x.ended - x.started) * 1000 < match.min_latency_ms:
            return False
        return self._ends(x, me, final=True) == YES

    def _ends(self, x: Exchange, me: Peer, *, final: bool = False) -> int:
        """Compare both ends and the route; what is not known yet is LATER, and NO once nothing more can come."""
        match = self._match
        answer = YES
        if match.route and x.route != match.route:
            if x.route or final:
                return NO
            answer = LATER
        inbound = x.direction == INBOUND
        if match.HasField("to"):
            wanted = match.to
            peer = me if inbound else x.server
            if wanted.kind == "service":
                if not _is_service(wanted, x):
                    return NO
            elif peer is None and not final:
                answer = LATER
            elif peer is None or not _is_resource(wanted, peer):
                return NO
        if match.HasField("from") and not _is_resource(self._from, x.client if inbound else me):
            return NO
        return answer


def _same_authority(authority: bytes, wanted: bytes) -> bool:
    """Compare authorities; one without a port means any port."""
    return authority == wanted or (b":" not in wanted and authority.rpartition(b":")[0] == wanted)


def _is_service(wanted: common_pb2.Resource, x: Exchange) -> bool:
    return wanted.name in ("", x.service.name) and wanted.namespace in ("", x.service.namespace)


def _is_resource(wanted: common_pb2.Resource, peer: Peer) -> bool:
    if wanted.kind == "namespace":
        return wanted.name in ("", peer.namespace)
    if wanted.namespace not in ("", peer.namespace):
        return False
    if wanted.kind == "pod":
        return bool(peer.pod) and wanted.name in ("", peer.pod)
    return peer.kind == wanted.kind and wanted.name in ("", peer.name)
