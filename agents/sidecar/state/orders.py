"""Tap orders: which exchanges one viewer wants to see, compiled once, asked at the head and at the end.

Most of an order is known at the head; status, class, latency and (outbound) the chosen endpoint are known only later,
so an order has two questions: may this match, and does it. Each is a list of checks, as short as what was asked for:
a tap that is over its rate looks at every request all the same, and one that takes everything has only its rate to ask.
"""

from collections.abc import Callable
from typing import Final

from agents.sidecar.engine.exchange import INBOUND, Exchange
from agents.sidecar.state.peers import Peer
from meshcore.wire import common_pb2, tap_pb2
from meshcore.wire.expression import searcher

NO, LATER, YES = range(3)
DEFAULT_RPS: Final = 100.0

Check = Callable[[Exchange], int]


class Order:
    """One TapOrder: its match, and a rate that bounds what it costs.

    The rate is a bucket of tokens, kept as the time at which the `next` token is, or was, there.
    """

    __slots__ = (
        "_begun",
        "_full",
        "_head",
        "_interval",
        "_tail",
        "everything",
        "headers",
        "id",
        "next",
        "refused",
        "shown",
    )

    def __init__(self, order: tap_pb2.TapOrder, me: Peer, now: float, begun: int = 0) -> None:
        self.id = order.id
        self.headers = order.headers
        self.refused = ""  # why it can never match
        self.shown = 0  # exchanges of this process
        self._begun = begun  # exchanges of this process that it is not, or no more, to account for
        self._head: tuple[Check, ...] = ()
        self._tail = _tail(order.match)
        rate = order.max_rps or DEFAULT_RPS
        self._interval = 1 / rate
        self._full = (max(1.0, rate) - 1) * self._interval  # so long after `next`, a second's worth is there
        self.next = now - self._full
        try:
            self._head = (*_ends(order.match, me), *_head(order.match))
        except ValueError as error:
            self.refused = f"path_regex: {error}"
            self._head = (lambda _: NO,)
        self.everything = not self._head and not self._tail

    def admit(self, now: float) -> bool:
        """Take a token; False if this order has had its share for now."""
        if now < self.next:
            return False
        self.next = max(self.next, now - self._full) + self._interval
        return True

    def lost(self, begun: int) -> int:
        """Return how many exchanges an order that takes everything has not shown, and was not asked about before."""
        lost = max(0, begun - self._begun - self.shown)
        self._begun += lost
        return lost

    def at_head(self, x: Exchange) -> int:
        """Tell whether the order takes this exchange: NO, YES, or LATER, when more of it is known."""
        answer = LATER if self._tail else YES
        for check in self._head:
            said = check(x)
            if said != YES:
                if said == NO:
                    return NO
                answer = LATER
        return answer

    def at_end(self, x: Exchange) -> bool:
        """Tell whether an exchange that was LATER at its head is taken, now that all of it is known."""
        return all(check(x) == YES for check in self._tail) and all(check(x) == YES for check in self._head)


def _yes(found: bool) -> int:
    return YES if found else NO


def _head(match: tap_pb2.TapMatch) -> list[Check]:
    """Return the checks of what a request's head tells; raises ValueError."""
    checks: list[Check] = []
    if match.methods:
        methods = frozenset(method.upper().encode() for method in match.methods)
        checks.append(lambda x: _yes(x.method in methods))
    if match.path_prefix:
        prefix = match.path_prefix.encode()
        checks.append(lambda x: _yes(x.path.startswith(prefix)))
    if match.path_regex:
        found = searcher(match.path_regex)
        checks.append(lambda x: _yes(found(x.path)))
    if match.authority:
        authority = match.authority.lower().encode()
        any_port = b":" not in authority
        checks.append(lambda x: _yes(_same_authority(x.authority.lower(), authority, any_port)))
    if match.scheme:
        scheme = match.scheme.lower().encode()
        checks.append(lambda x: _yes(x.scheme == scheme))
    if match.HasField("header"):
        name, value = match.header.name.lower().encode(), match.header.value
        checks.append(lambda x: _yes((x.header(name) == value) if value else x.header(name) is not None))
    if match.route:
        route = match.route
        # A route that is not named yet may still be.
        checks.append(lambda x: YES if x.route == route else NO if x.route or x.ended else LATER)
    return checks


def _ends(match: tap_pb2.TapMatch, me: Peer) -> list[Check]:
    """Return the checks of direction and of both ends; one of the ends is always this workload."""
    checks: list[Check] = []
    if match.direction:
        direction = int(match.direction)
        checks.append(lambda x: _yes(x.direction == direction))
    if match.HasField("to"):
        checks.append(_to(match.to, me))
    if match.HasField("from"):
        wanted: common_pb2.Resource = getattr(match, "from")  # a keyword of Python's
        mine = _yes(_is(wanted, me))
        checks.append(lambda x: _yes(_is(wanted, x.client)) if x.direction == INBOUND else mine)
    return checks


def _to(wanted: common_pb2.Resource, me: Peer) -> Check:
    if wanted.kind == "service":
        name, namespace = wanted.name, wanted.namespace
        return lambda x: _yes(name in ("", x.service.name) and namespace in ("", x.service.namespace))
    mine = _yes(_is(wanted, me))

    def check(x: Exchange) -> int:
        if x.direction == INBOUND:
            return mine
        if x.server is None:
            return NO if x.ended else LATER
        return _yes(_is(wanted, x.server))

    return check


def _tail(match: tap_pb2.TapMatch) -> tuple[Check, ...]:
    """Return the checks of what only the end tells."""
    checks: list[Check] = []
    if match.statuses:
        statuses = tuple((wanted.min, wanted.max or wanted.min) for wanted in match.statuses)
        checks.append(lambda x: _yes(any(low <= x.status <= high for low, high in statuses)))
    if match.grpc_statuses:
        codes = frozenset(match.grpc_statuses)
        checks.append(lambda x: _yes(x.grpc_status in codes))
    if match.classification:
        classification = int(match.classification)
        checks.append(lambda x: _yes(x.classification == classification))
    if match.min_latency_ms > 0:
        least = match.min_latency_ms / 1000
        checks.append(lambda x: _yes(x.ended - x.started >= least))
    return tuple(checks)


def _same_authority(authority: bytes, wanted: bytes, any_port: bool) -> bool:
    return authority == wanted or (any_port and authority.rpartition(b":")[0] == wanted)


def _is(wanted: common_pb2.Resource, peer: Peer) -> bool:
    """Tell whether a peer belongs to a resource; a service is no one's origin."""
    if wanted.kind == "namespace":
        return wanted.name in ("", peer.namespace)
    if wanted.namespace not in ("", peer.namespace):
        return False
    if wanted.kind == "pod":
        return bool(peer.pod) and wanted.name in ("", peer.pod)
    return peer.kind == wanted.kind and wanted.name in ("", peer.name)
