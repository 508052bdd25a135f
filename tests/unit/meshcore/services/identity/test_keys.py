"""Tokens by signature: whose they are, for whom, from whom, and until when."""

import base64
import json
import time
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from meshcore.inject.names import AUDIENCE
from meshcore.kube.session import Answer, Session
from meshcore.services.identity.keys import DISCOVERY, KEYS, Keys
from meshcore.services.identity.tokens import TokenError
from meshcore.wire.ids import SpiffeId

ISSUER = "https://kubernetes.default.svc"
WEB = SpiffeId("cluster.local", "shop", "web")


class ApiServer:
    """Publishes keys, which may change."""

    def __init__(self) -> None:
        self.reads = 0
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.add("one")

    def add(self, number: str) -> None:
        self.keys[number] = ec.generate_private_key(ec.SECP256R1())

    def sign(self, number: str = "one", **claims: Any) -> str:
        whole = {
            "iss": ISSUER,
            "aud": [AUDIENCE],
            "sub": "system:serviceaccount:shop:web",
            "exp": time.time() + 600,
        } | claims
        kept = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(kept, self.keys[number], algorithm="ES256", headers={"kid": number})

    async def get(self, path: str) -> dict[str, Any]:
        assert path == DISCOVERY
        return {"issuer": ISSUER}

    async def ask(self, method: str, path: str, *, accept: str) -> Answer:
        assert (method, path, accept) == ("GET", KEYS, "application/jwk-set+json")
        self.reads += 1
        keys = []
        for number, key in self.keys.items():
            numbers = key.public_key().public_numbers()
            point = {name: _word(value) for name, value in (("x", numbers.x), ("y", numbers.y))}
            keys.append({"kty": "EC", "crv": "P-256", "kid": number, "alg": "ES256", "use": "sig", **point})
        return Answer(200, accept, json.dumps({"keys": keys}).encode())


def _word(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(32, "big")).rstrip(b"=").decode()


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(server: ApiServer, clock: Clock) -> Keys:
    return Keys(cast("Session", server), "shop", clock)


async def test_a_service_accounts_token_stands_for_its_identity(server: ApiServer, keys: Keys) -> None:
    await keys.check(server.sign(), WEB)
    await keys.check(server.sign(), WEB)
    assert server.reads == 1


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": ["https://kubernetes.default.svc"]}, "Audience"),
        ({"iss": "https://elsewhere"}, "issuer"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "exp"),
        ({"sub": "system:serviceaccount:shop:api"}, "shop:api's, not that of"),
        ({"sub": "system:serviceaccount:bank:web"}, "bank:web's, not that of"),
    ],
)
async def test_any_other_token_is_refused(server: ApiServer, keys: Keys, claims: dict[str, Any], why: str) -> None:
    with pytest.raises(TokenError, match=why):
        await keys.check(server.sign(**claims), WEB)


async def test_what_is_no_token_or_signed_by_nobody_is_refused(server: ApiServer, keys: Keys) -> None:
    stranger = ApiServer().sign()
    unsigned = jwt.encode({"sub": "system:serviceaccount:shop:web"}, "", algorithm="none", headers={"kid": "one"})
    for token in ("", "abc", stranger, unsigned):
        with pytest.raises(TokenError, match="not accepted"):
            await keys.check(token, WEB)


async def test_a_new_key_is_read_when_it_is_needed_but_not_for_every_stranger(
    server: ApiServer, keys: Keys, clock: Clock
) -> None:
    await keys.check(server.sign(), WEB)
    server.add("two")
    with pytest.raises(TokenError, match="no key"):
        await keys.check(server.sign("two"), WEB)  # read a moment ago
    clock.now += 2
    await keys.check(server.sign("two"), WEB)
    assert server.reads == 2


async def test_another_namespaces_identity_is_not_given(server: ApiServer, keys: Keys) -> None:
    with pytest.raises(TokenError, match="of namespace shop, not of bank"):
        await keys.check(server.sign(), SpiffeId("cluster.local", "bank", "web"))
