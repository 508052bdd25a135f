"""Names the route that a request falls under, as policy defines routes for its port or service.

While policy defines none at all, it sleeps and costs nothing.
"""

from collections.abc import Callable

from agents.sidecar.engine.exchange import OUTBOUND, Exchange
from agents.sidecar.state.rules import Rules


class Route:
    """Sets `route`, and `deadline` where the route has a time limit."""

    __slots__ = ("_rules",)

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    @property
    def asleep(self) -> bool:
        return not self._rules.routed

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` when it falls asleep or wakes up."""
        self._rules.watchers.append(changed)

    def on_head(self, x: Exchange) -> None:
        if x.direction == OUTBOUND:
            if x.target is None:
                return
            routes = self._rules.outbound(x.target.service)
        else:
            routes = self._rules.inbound(x.port)
        if routes.empty:
            return
        route = routes.find(x.method, x.path)
        if route is not None:
            x.route = route.name
            if route.timeout_s:
                x.deadline = x.started + route.timeout_s
