"""Tokens are good once, for one identity, for minutes; and there are never too many."""

import pytest

from meshcore.services.identity.tokens import TokenError, Tokens, TooManyTokens
from meshcore.wire.ids import SpiffeId

WEB = SpiffeId("local", "shop", "web")
CART = SpiffeId("local", "shop", "cart")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_token_is_good_once(clock: Clock) -> None:
    tokens = Tokens(clock)
    token, grant = tokens.issue(WEB, "web-0")
    assert tokens.redeem(token, WEB) is grant
    assert (grant.pod, grant.expires) == ("web-0", 1300.0)
    with pytest.raises(TokenError, match="used before"):
        tokens.redeem(token, WEB)


def test_a_token_for_another_is_void(clock: Clock) -> None:
    tokens = Tokens(clock)
    token, _ = tokens.issue(WEB)
    with pytest.raises(TokenError, match="another identity"):
        tokens.redeem(token, CART)
    with pytest.raises(TokenError):
        tokens.redeem(token, WEB)


def test_tokens_expire_and_make_room(clock: Clock) -> None:
    tokens = Tokens(clock, limit=2)
    old, _ = tokens.issue(WEB)
    clock.now += 200
    fresh, _ = tokens.issue(CART)
    with pytest.raises(TooManyTokens):
        tokens.issue(WEB)
    clock.now += 100  # the first has had its 300 s
    tokens.issue(WEB)
    with pytest.raises(TokenError, match="expired"):
        tokens.redeem(old, WEB)
    tokens.redeem(fresh, CART)
    assert len(tokens) == 1


@pytest.mark.parametrize("token", ["", "x", "\ud800", "a" * 100_000])
def test_anything_else_is_no_token(clock: Clock, token: str) -> None:
    with pytest.raises(TokenError):
        Tokens(clock).redeem(token, WEB)


def test_no_token_is_kept_in_clear(clock: Clock) -> None:
    tokens = Tokens(clock)
    token, _ = tokens.issue(WEB)
    assert token not in repr(vars(tokens))
    assert len(token) >= 43  # 256 bits
