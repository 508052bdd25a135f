"""A token is refused for what it is, and never for what keeps the API server from looking at it."""

from typing import Any, cast

import pytest

from meshcore.inject.names import AUDIENCE
from meshcore.kube.failure import FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE, KubeError
from meshcore.kube.review import Identified, User
from meshcore.services.identity.review import Reviewed
from meshcore.services.identity.tokens import TokenError
from meshcore.wire.ids import SpiffeId

WEB = SpiffeId("cluster.local", "shop", "web")


class Reviews:
    """Says of each token what it was told to say."""

    def __init__(self, says: Identified | KubeError) -> None:
        self.says = says

    async def token(self, token: str, audiences: tuple[str, ...]) -> Identified:
        assert (token, audiences) == ("t", (AUDIENCE,))
        if isinstance(self.says, KubeError):
            raise self.says
        return self.says


async def refusal(says: Identified | KubeError, token: str = "t") -> TokenError:
    with pytest.raises(TokenError) as caught:
        await Reviewed(cast("Any", Reviews(says))).check(token, WEB)
    return caught.value


async def test_the_service_accounts_own_token_is_good() -> None:
    await Reviewed(cast("Any", Reviews(Identified(User("system:serviceaccount:shop:web"))))).check("t", WEB)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (Identified(None, reason="token has expired"), "the token is not accepted: token has expired"),
        (Identified(User("system:serviceaccount:shop:other")), "the token is system:serviceaccount:shop:other's"),
        (Identified(User("jane")), "the token is jane's"),
    ],
)
async def test_another_token_is_refused_for_good(says: Identified, reason: str) -> None:
    refused = await refusal(says)
    assert reason in str(refused)
    assert not refused.again


@pytest.mark.parametrize("code", [UNAVAILABLE, UNAUTHENTICATED, FORBIDDEN])
async def test_a_review_that_cannot_be_had_is_worth_asking_again(code: str) -> None:
    """Also where the control plane itself is refused: a sidecar that takes a refusal as final would end its pod."""
    refused = await refusal(KubeError("it says no", code=code, lost=code == UNAVAILABLE))
    assert refused.again
    assert "cannot be reviewed now: it says no" in str(refused)
