"""Tokens of a cluster: a service account's projected token stands for its SPIFFE ID, if the API server says so.

The token has to be made for our audience, so that one which a pod shows elsewhere is no good here, and the other way
round (kubernetes.io, "TokenReview").
"""

from meshcore.inject.names import AUDIENCE
from meshcore.kube.failure import KubeError
from meshcore.kube.review import Reviews
from meshcore.services.identity.tokens import TokenError
from meshcore.wire.ids import SpiffeId


class Reviewed:
    """Checks tokens by TokenReview."""

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews

    async def check(self, token: str, identity: SpiffeId) -> None:
        """Raise TokenError unless the token is the service account's whose identity is asked for."""
        if not token:
            raise TokenError("no token was shown: the sidecar's projected token is missing")
        try:
            found = await self._reviews.token(token, (AUDIENCE,))
        except KubeError as error:  # whatever it is, it is not the token
            raise TokenError(f"the token cannot be reviewed now: {error}", again=True) from None
        if found.user is None:
            raise TokenError(f"the token is not accepted: {found.reason}")
        account = found.user.service_account
        if account != (identity.namespace, identity.service_account):
            raise TokenError(f"the token is {found.user.name}'s, not that of {identity}")
