"""The taps that are on, and the events that wait to be carried out.

stages/tap calls the three hooks while `active` is not empty; feeds/tap brings orders and takes events. Everything is
bounded: a tap that wants more than its rate, or more than the buffer holds, loses events and is told how many.
"""

from collections.abc import Callable

from agents.sidecar.engine.exchange import Exchange
from agents.sidecar.state import event
from agents.sidecar.state.orders import LATER, NO, Order
from agents.sidecar.state.peers import Peer
from meshcore.wire import tap_pb2

MAX_EVENTS = 2000
MAX_ORDERS = 100


def _nobody() -> None:
    """Nobody waits for events."""


def _untold(_: tap_pb2.TapOrder | None) -> None:
    """Nobody else is told: a sidecar of one process."""


class Kept:
    """What an exchange carries with it: who sees it already, and who decides at its end."""

    __slots__ = ("heads", "later", "seen")

    def __init__(self, seen: list[int], later: list[Order], heads: bool) -> None:
        self.seen = seen
        self.later = later
        self.heads = heads


class Taps:
    """Orders in force, and a bounded buffer of events."""

    def __init__(self, me: Peer, boot_id: str, clock: Callable[[], float], max_events: int = MAX_EVENTS) -> None:
        self.active: tuple[Order, ...] = ()  # empty: no tap is on, and the stage does nothing
        self.dropped = 0  # since the process began
        self.wake: Callable[[], None] = _nobody  # called when the buffer stops being empty
        self.told: Callable[[tap_pb2.TapOrder | None], None] = _untold  # called with each order; None: all have ended
        self._me = me
        self._boot_id = boot_id
        self._clock = clock
        self._max_events = max_events
        self._events: list[tap_pb2.TapEvent] = []
        self._told_dropped = 0

    # Orders, from feeds/tap.

    def order(self, order: tap_pb2.TapOrder) -> str:
        """Begin or cancel a tap; returns why it can never match, else an empty string."""
        rest = tuple(known for known in self.active if known.id != order.id)
        if order.cancel:
            self.active = rest
            self.told(order)
            return ""
        if len(rest) >= MAX_ORDERS:
            return f"more than {MAX_ORDERS} taps"
        made = Order(order, self._me, self._clock())
        self.active = (*rest, made)
        self.told(order)
        return made.refused

    def clear(self) -> None:
        """End every tap: whoever ordered them is gone."""
        self.active = ()
        self._events.clear()
        self._told_dropped = self.dropped
        self.told(None)

    def take(self) -> tuple[list[tap_pb2.TapEvent], int]:
        """Return the events that wait, and how many were lost since the last call."""
        events, self._events = self._events, []
        lost = self.dropped - self._told_dropped
        self._told_dropped = self.dropped
        return events, lost

    # Events of the sidecar's other processes, from crew/admission.

    def admit(self, order_id: int) -> bool:
        """Take a token of an order: its rate is the whole sidecar's. False: it has had its share, or has ended."""
        for order in self.active:
            if order.id == order_id:
                if order.admit(self._clock()):
                    return True
                self.dropped += 1
        return False

    def add(self, event: tap_pb2.TapEvent) -> None:
        """Add an event to those that wait."""
        self._put(event)

    # Hooks, from stages/tap.

    def head(self, x: Exchange) -> None:
        """A request's head has come."""
        seen: list[int] | None = None
        later: list[Order] | None = None
        heads = False
        for order in self.active:
            if not order.everything:
                answer = order.at_head(x)
                if answer == NO:
                    continue
                if answer == LATER:
                    later = [order] if later is None else [*later, order]
                    continue
            now = self._clock()
            if now >= order.next:  # mostly it is not: a call to be told so is what a tap at its rate would cost most
                order.admit(now)
                seen = [order.id] if seen is None else [*seen, order.id]
                heads = heads or order.headers
            else:
                self.dropped += 1
        if seen is not None:
            self._put(event.request_init(x, self._me, self._boot_id, seen, heads=heads))
        if seen is not None or later is not None:
            x.tap = Kept(seen or [], later or [], heads)

    def reply(self, x: Exchange) -> None:
        """A response's head has come."""
        kept: Kept | None = x.tap
        if kept is not None and kept.seen:
            self._put(event.response_init(x, self._me, self._boot_id, kept.seen, heads=kept.heads))

    def end(self, x: Exchange) -> None:
        """An exchange is over: those who saw it begin see it end, and those who waited decide."""
        kept: Kept | None = x.tap
        if kept is None:
            return
        x.tap = None
        if kept.seen:
            self._put(event.response_end(x, self._me, self._boot_id, kept.seen, heads=kept.heads))
        late: list[int] = []
        heads = False
        for order in kept.later:
            if order not in self.active or not order.at_end(x):
                continue
            if order.admit(self._clock()):
                late.append(order.id)
                heads = heads or order.headers
            else:
                self.dropped += 1
        if late:
            self._put(event.request_init(x, self._me, self._boot_id, late, heads=heads))
            if x.replied:
                self._put(event.response_init(x, self._me, self._boot_id, late, heads=heads))
            self._put(event.response_end(x, self._me, self._boot_id, late, heads=heads))

    def _put(self, made: tap_pb2.TapEvent) -> None:
        if len(self._events) >= self._max_events:
            self.dropped += 1
            return
        self._events.append(made)
        if len(self._events) == 1:
            self.wake()
