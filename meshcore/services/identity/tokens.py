"""One-time tokens: what a launcher hands to a sidecar so that its first certificate can be asked for.

Kept as hashes in memory only, bound to one identity, good once and for minutes. serve.py issues and redeems them;
a restart of the control plane forgets them, and the launcher asks for new ones.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from meshcore.wire.ids import SpiffeId

LIFE_S = 300.0
LIMIT = 10_000


class TokenError(Exception):
    """A token that is not good; `str()` says why in one line. `again`: nobody knows yet, asking again may help."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


class TooManyTokens(TokenError):
    """More tokens are out than the table holds."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is good for."""

    identity: SpiffeId
    pod: str
    expires: float  # on the clock of the table


class Tokens:
    """The tokens that are out. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float], *, life_s: float = LIFE_S, limit: int = LIMIT) -> None:
        self._clock = clock
        self._life_s = life_s
        self._limit = limit
        self._grants: dict[bytes, Grant] = {}  # oldest first, so that expiry looks at the front only

    def __len__(self) -> int:
        return len(self._grants)

    def issue(self, identity: SpiffeId, pod: str = "") -> tuple[str, Grant]:
        """Return a new token; raises TooManyTokens when as many as allowed are out."""
        self._expire()
        if len(self._grants) >= self._limit:
            raise TooManyTokens(f"{self._limit} tokens are out and unused; the oldest expires within minutes")
        token = secrets.token_urlsafe(32)
        grant = Grant(identity, pod, self._clock() + self._life_s)
        self._grants[_digest(token)] = grant
        return token, grant

    def redeem(self, token: str, identity: SpiffeId) -> Grant:
        """Use a token up; raises TokenError unless it is out, in time and for this identity.

        A token shown for another identity is used up too: whoever does that has stolen it.
        """
        self._expire()
        grant = self._grants.pop(_digest(token), None)
        if grant is None:
            raise TokenError("the token is unknown, was used before, or has expired; ask the launcher for a new one")
        if grant.identity != identity:
            raise TokenError("the token was issued for another identity, and is void now")
        return grant

    async def check(self, token: str, identity: SpiffeId) -> None:
        """Use a token up, as Identity asks for it; raises TokenError."""
        self.redeem(token, identity)

    def _expire(self) -> None:
        now = self._clock()
        while self._grants:
            oldest = next(iter(self._grants))
            if self._grants[oldest].expires > now:
                return
            del self._grants[oldest]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
