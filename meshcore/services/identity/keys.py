"""Tokens of a cluster checked by the API server's public keys, where nobody may ask it for a TokenReview.

A mesh of one namespace has no right to TokenReview, which is the whole cluster's; but every service account may read
the keys that tokens are signed with (OpenID discovery, `/openid/v1/jwks`). A token of a pod that was deleted is good
until it expires here: the kubelet's are good for a day at most.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import jwt

from meshcore.inject.names import AUDIENCE
from meshcore.kube.failure import KubeError
from meshcore.kube.session import Session
from meshcore.services.identity.tokens import TokenError
from meshcore.wire.ids import SpiffeId

KEYS, DISCOVERY = "/openid/v1/jwks", "/.well-known/openid-configuration"
FRESH_S = 300.0  # keys are read again after this, and at once for a token of an unknown key
ALGORITHMS = ["RS256", "ES256", "ES384", "RS384", "RS512", "ES512", "EdDSA"]
LEEWAY_S = 20


class Keys:
    """Checks tokens by their signature. `clock` is monotonic seconds."""

    def __init__(self, session: Session, namespace: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._namespace = namespace
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._issuer = ""
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def check(self, token: str, identity: SpiffeId) -> None:
        """Raise TokenError unless the token is the service account's whose identity is asked for."""
        if identity.namespace != self._namespace:
            raise TokenError(f"this mesh is of namespace {self._namespace}, not of {identity.namespace}")
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims = jwt.decode(
                token, key, algorithms=ALGORITHMS, audience=AUDIENCE, issuer=self._issuer, leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise TokenError(f"the token is not accepted: {error}") from None
        except KubeError as error:  # whatever it is, it is not the token
            raise TokenError(f"the token cannot be checked now: {error}", again=True) from None
        wanted = f"system:serviceaccount:{identity.namespace}:{identity.service_account}"
        if claims["sub"] != wanted:
            raise TokenError(f"the token is {claims['sub']}'s, not that of {identity}")

    async def _key(self, number: str) -> Any:
        async with self._reading:
            age = self._clock() - self._read_at
            if age > FRESH_S or (number not in self._keys and age > 1.0):
                await self._read()
        if number not in self._keys:
            raise jwt.InvalidTokenError("the API server has no key that it could be signed with")
        return self._keys[number]

    async def _read(self) -> None:
        found = await self._session.get(DISCOVERY)
        answer = await self._session.ask("GET", KEYS, accept="application/jwk-set+json")
        keys = jwt.PyJWKSet.from_json(answer.body.decode())
        self._issuer = str(found.get("issuer", ""))
        self._keys = {str(key.key_id): key.key for key in keys.keys}
        self._read_at = self._clock()
