"""The taps that are on, and the events that wait to be carried out.

stages/tap hands exchanges over, and sleeps while there is nothing to see: no tap is on, or each has had its share of
all that there is. feeds/tap brings orders and takes events, which are made then, many at once. Everything is bounded: a
tap that wants more than its rate, or more than the buffer holds, loses events and is told how many.
"""

from collections.abc import Callable
from math import inf
from typing import Final, Protocol

from agents.sidecar.engine.exchange import Exchange
from agents.sidecar.state import event
from agents.sidecar.state.event import Moment
from agents.sidecar.state.orders import LATER, NO, Order
from agents.sidecar.state.peers import Peer
from meshcore.wire import tap_pb2

MAX_EVENTS = 2000
MAX_ORDERS = 100
MAX_HELD: Final = 300  # exchanges, with their heads, that an event has to be made of; those after it are made at once
DOZE_S: Final = 0.004  # a shorter sleep is not worth a timer


class Timer(Protocol):
    """What a loop's `call_later` returns."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Timer]


def _nobody() -> None:
    """Nobody waits for events."""


def _none() -> int:
    """Nothing is counted: what a tap loses to its rate is not known."""
    return 0


def _untold(_: tap_pb2.TapOrder | None) -> None:
    """Nobody else is told: a sidecar of one process."""


class Kept:
    """What an exchange carries with it: who sees it already, and who decides at its end."""

    __slots__ = ("_heads", "_later", "_seen", "_taps")

    def __init__(self, taps: "Taps", seen: list[int], later: list[Order], heads: bool) -> None:
        self._taps = taps
        self._seen = seen
        self._later = later
        self._heads = heads

    def reply(self, x: Exchange) -> None:
        """A response's head has come."""
        if self._seen:
            self._taps.show(event.response_init, x, self._seen, heads=self._heads)

    def end(self, x: Exchange) -> None:
        """An exchange is over: those who saw it begin see it end, and those who waited decide."""
        x.tap = None
        taps = self._taps
        if self._seen:
            taps.show(event.response_end, x, self._seen, heads=self._heads)
        taken = [order for order in self._later if taps.takes(order, x)]
        if taken:
            late, heads = [order.id for order in taken], any(order.headers for order in taken)
            taps.show(event.request_init, x, late, heads=heads)
            if x.replied:
                taps.show(event.response_init, x, late, heads=heads)
            taps.show(event.response_end, x, late, heads=heads)


class Taps:
    """Orders in force, and a bounded buffer of events. The clock is that of `Exchange.started`."""

    def __init__(
        self,
        me: Peer,
        boot_id: str,
        clock: Callable[[], float],
        begun: Callable[[], int] = _none,
        max_events: int = MAX_EVENTS,
    ) -> None:
        self.active: tuple[Order, ...] = ()
        self.asleep = True  # no exchange need be handed over
        self.closed = -inf  # until when every order that is on has had its share; what began before need not be shown
        self.watchers: list[Callable[[], None]] = []  # called when it falls asleep, and when it wakes up
        self.dropped = 0  # since the process began
        self.later: Later | None = None  # a loop's `call_later`; without one it is awake while a tap is on
        self.wake: Callable[[], None] = _nobody  # called when the buffer stops being empty
        self.told: Callable[[tap_pb2.TapOrder | None], None] = _untold  # called with each order; None: all have ended
        self._me = me
        self._boot_id = boot_id
        self._clock = clock
        self._begun = begun  # how many exchanges have begun in this process
        self._max_events = max_events
        self._waiting: list[Moment | tap_pb2.TapEvent] = []
        self._timer: Timer | None = None  # wakes it up
        self._told_dropped = 0

    # Orders, from feeds/tap.

    def order(self, order: tap_pb2.TapOrder) -> str:
        """Begin or cancel a tap; returns why it can never match, else an empty string."""
        rest = tuple(known for known in self.active if known.id != order.id)
        if order.cancel:
            self._set(rest)
            self.told(order)
            return ""
        if len(rest) >= MAX_ORDERS:
            return f"more than {MAX_ORDERS} taps"
        made = Order(order, self._me, self._clock(), self._begun())
        self._set((*rest, made))
        self.told(order)
        return made.refused

    def clear(self) -> None:
        """End every tap: whoever ordered them is gone."""
        self._set(())
        self._waiting.clear()
        self._told_dropped = self.dropped
        self.told(None)

    def take(self) -> tuple[list[tap_pb2.TapEvent], int]:
        """Return the events that wait, and how many were lost since the last call."""
        self._reckon()
        begun: dict[int, tap_pb2.TapEvent] = {}
        events, self._waiting = [self._made(one, begun) for one in self._waiting], []
        lost = self.dropped - self._told_dropped
        self._told_dropped = self.dropped
        return events, lost

    # Events of the sidecar's other processes, from crew/admission.

    def admit(self, order_id: int) -> bool:
        """Take a token of an order: its rate is the whole sidecar's. False: it has had its share, or has ended."""
        for order in self.active:
            if order.id == order_id:
                if order.admit(self._clock()):
                    self._close()
                    return True
                self.dropped += 1
        return False

    def add(self, event: Moment | tap_pb2.TapEvent) -> None:
        """Add an event to those that wait."""
        waiting = self._waiting
        if len(waiting) >= self._max_events:
            self.dropped += 1
            return
        waiting.append(event if len(waiting) < MAX_HELD else self._made(event, {}))
        if len(waiting) == 1:
            self.wake()

    # Exchanges, from stages/tap and from what those that are shown carry with them.

    def head(self, x: Exchange) -> None:
        """A request's head has come."""
        now = self._clock() if x.held else x.started
        seen: list[int] = []
        later: list[Order] = []
        heads = False
        for order in self.active:
            if not order.everything:
                answer = order.at_head(x)
                if answer == NO:
                    continue
                if answer == LATER:
                    later.append(order)
                    continue
            if now < order.next:  # mostly it is: to be told so by a call is what a tap at its rate would cost most
                if not order.everything:  # what those lose is reckoned up later: mostly nobody is awake to see it
                    self.dropped += 1
                continue
            order.admit(now)
            order.shown += 1
            seen.append(order.id)
            heads = heads or order.headers
        if seen:
            self._close()
            self.show(event.request_init, x, seen, heads=heads)
        if seen or later:
            x.tap = Kept(self, seen, later, heads)

    def takes(self, order: Order, x: Exchange) -> bool:
        """Tell whether an order that waited for the end takes an exchange that is over."""
        if order not in self.active or not order.at_end(x):
            return False
        if not order.admit(self._clock()):
            self.dropped += 1
            return False
        return True

    def show(self, what: event.Show, x: Exchange, orders: list[int], *, heads: bool) -> None:
        """Add an event of an exchange to those that wait."""
        self.add(Moment(what, x, orders, heads))

    def _made(self, one: Moment | tap_pb2.TapEvent, begun: dict[int, tap_pb2.TapEvent]) -> tap_pb2.TapEvent:
        return one.make(self._me, self._boot_id, begun) if isinstance(one, Moment) else one

    def _reckon(self) -> None:
        """Count what was lost by orders that take everything: what has begun, without what was shown."""
        begun = self._begun() if self.active else 0
        for order in self.active:
            if order.everything:
                self.dropped += order.lost(begun)

    # When to look.

    def _set(self, active: tuple[Order, ...]) -> None:
        self._reckon()
        self.active = active
        self._close()

    def _close(self) -> None:
        """Find out until when there is nothing to see, and sleep for so long, or be awake."""
        everything = all(order.everything for order in self.active)
        self.closed = min((order.next for order in self.active), default=-inf) if everything else -inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        doze = self.closed - self._clock() if self.later is not None else 0.0
        if self.later is not None and doze > DOZE_S:
            self._timer = self.later(doze, self._close)
        asleep = self._timer is not None or not self.active
        if asleep != self.asleep:
            self.asleep = asleep
            for changes in self.watchers:
                changes()
