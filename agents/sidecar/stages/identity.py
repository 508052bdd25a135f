"""Names both ends of what comes in: the far one as TLS has proven it, the near one as this workload.

What a client says about itself in headers is never taken for its identity.
"""

from agents.sidecar.engine.exchange import Exchange
from agents.sidecar.state.peers import Peer


class Identity:
    """Sets `server` of inbound exchanges."""

    __slots__ = ("_me",)

    def __init__(self, me: Peer) -> None:
        self._me = me

    def on_head(self, x: Exchange) -> None:
        x.server = self._me
