"""Who watches, which sidecars can be tapped, and the orders between them. Pure: sending is a callable.

A Watch is one viewer's wish; it stands as one order, with the same id, at every attached sidecar of its targets, also
at those that attach later. Each gets its share of the rate, as do those that are attached to other replicas, whom
relay.py reaches. A viewer that reads too slowly loses events and is told how many; nobody else notices.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import count

from meshcore.services.tap.people import belongs
from meshcore.wire import common_pb2, tap_pb2

BUFFER = 5000  # events that wait for one viewer
LEAST_RPS = 1.0  # as in Linkerd: a share below one request per second shows nothing

Send = Callable[[tap_pb2.TapOrder], None]
Name = Callable[[common_pb2.Peer], None]


class Post:
    """One attached sidecar."""

    __slots__ = ("peer", "send")

    def __init__(self, peer: common_pb2.Peer, send: Send) -> None:
        self.peer = peer
        self.send = send


class Branch:
    """The sidecars of another replica that are tapped for one viewer, and what tells that replica its rate."""

    __slots__ = ("given", "pace", "pods")

    def __init__(self, pace: Callable[[float], None]) -> None:
        self.pace = pace
        self.given = 0.0
        self.pods: frozenset[tuple[str, str]] = frozenset()  # namespace, pod


class Watch:
    """One viewer: what it asked for, and the events that wait for it. With `each_rps`, every sidecar has that rate."""

    def __init__(
        self,
        number: int,
        targets: Sequence[common_pb2.Resource],
        order: tap_pb2.TapOrder,
        wake: Callable[[], None],
        *,
        limit: int = 0,
        buffer: int = BUFFER,
        each_rps: float = 0.0,
    ) -> None:
        self.id = number
        self.each_rps = each_rps
        self.targets = targets
        self.order = order  # its max_rps is over all sidecars
        self.posts: dict[Post, float] = {}  # with the share that each has been given
        self.branches: set[Branch] = set()
        self.finished = 0
        self._wake = wake
        self._limit = limit
        self._buffer = buffer
        self._events: list[tap_pb2.TapEvent] = []
        self._dropped = 0

    def wants(self, peer: common_pb2.Peer) -> bool:
        return any(belongs(peer, target) for target in self.targets)

    @property
    def done(self) -> bool:
        """Tell whether as many requests have finished as the viewer wants."""
        return 0 < self._limit <= self.finished

    def taps(self, peer: common_pb2.Peer) -> bool:
        """Tell whether the sidecar of an instance has the order."""
        key = (peer.namespace, peer.pod)
        return any((post.peer.namespace, post.peer.pod) == key for post in self.posts) or any(
            key in branch.pods for branch in self.branches
        )

    @property
    def sidecars(self) -> int:
        """Return how many sidecars have the order."""
        return len(self.posts) + sum(len(branch.pods) for branch in self.branches)

    def push(self, event: tap_pb2.TapEvent) -> None:
        """Keep an event for the viewer, or count it as lost."""
        if self.done:
            return
        if event.HasField("response_end"):
            self.finished += 1
        if len(self._events) >= self._buffer:
            self._dropped += 1
        else:
            self._events.append(event)
        self._wake()

    def lose(self, events: int) -> None:
        """Count events that a sidecar lost."""
        self._dropped += events
        self._wake()

    def take(self) -> tuple[list[tap_pb2.TapEvent], int]:
        """Return the events that wait, and how many were lost since the last call."""
        events, self._events = self._events, []
        dropped, self._dropped = self._dropped, 0
        return events, dropped

    def share(self) -> None:
        """Give every sidecar its part of the rate, and the order to those whose part has changed."""
        rate = self.each_rps or max(LEAST_RPS, self.order.max_rps / max(1, self.sidecars))
        for post, given in self.posts.items():
            if given != rate:
                self.posts[post] = rate
                order = tap_pb2.TapOrder()
                order.CopyFrom(self.order)
                order.max_rps = rate
                post.send(order)
        for branch in self.branches:
            if branch.given != rate:
                branch.given = rate
                branch.pace(rate)
        self._wake()

    def cancel(self) -> None:
        """Take the order back everywhere."""
        for post in self.posts:
            post.send(tap_pb2.TapOrder(id=self.id, cancel=True))
        self.posts.clear()


class Registry:
    """All attached sidecars and all viewers."""

    def __init__(self, name: Name) -> None:
        self.posts: set[Post] = set()
        self.watches: dict[int, Watch] = {}
        self._name = name
        self._numbers = count(1)

    def attach(self, peer: common_pb2.Peer, send: Send) -> Post:
        """Take a sidecar on; it gets the orders that concern it."""
        post = Post(peer, send)
        self.posts.add(post)
        for watch in self.watches.values():
            if watch.wants(peer):
                watch.posts[post] = 0.0
                watch.share()
        return post

    def detach(self, post: Post) -> None:
        """Let a sidecar go; the others take over its share of the rates."""
        self.posts.discard(post)
        for watch in self.watches.values():
            if watch.posts.pop(post, None) is not None:
                watch.share()

    def open(
        self,
        targets: Sequence[common_pb2.Resource],
        match: tap_pb2.TapMatch,
        wake: Callable[[], None],
        *,
        max_rps: float,
        headers: bool = False,
        limit: int = 0,
        each_rps: float = 0.0,
    ) -> Watch:
        """Begin a watch."""
        number = next(self._numbers)
        order = tap_pb2.TapOrder(id=number, match=match, max_rps=max_rps, headers=headers)
        watch = self.watches[number] = Watch(number, targets, order, wake, limit=limit, each_rps=each_rps)
        watch.posts = {post: 0.0 for post in self.posts if watch.wants(post.peer)}
        watch.share()
        return watch

    def close(self, watch: Watch) -> None:
        """End a watch."""
        self.watches.pop(watch.id, None)
        watch.cancel()

    def deliver(self, post: Post, events: Iterable[tap_pb2.TapEvent], dropped: int) -> None:
        """Give a sidecar's events to those who asked for them."""
        for event in events:
            self._name(event.source)
            self._name(event.destination)
            for number in event.orders:
                watch = self.watches.get(number)
                if watch is not None:
                    watch.push(event)
        if dropped:
            for watch in self.watches.values():
                if post in watch.posts:
                    watch.lose(dropped)
