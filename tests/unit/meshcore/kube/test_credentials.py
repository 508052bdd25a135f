"""Credentials are fresh when they are sent, and what gives none says why."""

from pathlib import Path

import pytest

from meshcore.kube.credentials import Provider, TokenFile, basic, bearer
from meshcore.kube.failure import KubeError


async def test_a_name_and_password() -> None:
    assert await basic("jane", "pass:word").headers() == (("Authorization", "Basic amFuZTpwYXNzOndvcmQ="),)


async def test_a_tokens_file_is_read_again_as_it_rotates(tmp_path: Path) -> None:
    now = 0.0
    path = tmp_path / "token"
    path.write_text("one\n")
    held = TokenFile(path, lambda: now)
    assert await held.headers() == (("Authorization", "Bearer one"),)
    path.write_text("two\n")
    assert await held.headers() == (("Authorization", "Bearer one"),)
    now = 11.0
    assert await held.headers() == (("Authorization", "Bearer two"),)
    path.unlink()
    now = 30.0
    assert await held.headers() == (("Authorization", "Bearer two"),)  # it is being replaced
    assert await held.renew() is False
    path.write_text("three")
    assert await held.renew() is True


async def test_a_tokens_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KubeError, match="cannot be read: .*token: No such file"):
        await TokenFile(tmp_path / "token").headers()


async def test_a_provider_is_asked_now_and_then_and_after_a_refusal() -> None:
    now, asked = 0.0, 0

    async def ask() -> str:
        nonlocal asked
        asked += 1
        if asked == 4:
            raise ValueError("no refresh token")
        return f"Bearer {asked}"

    held = Provider("oidc", ask, lambda: now)
    assert [await held.headers(), await held.headers()] == [(("Authorization", "Bearer 1"),)] * 2
    now = 61.0
    assert await held.headers() == (("Authorization", "Bearer 2"),)
    assert await held.renew() is True
    with pytest.raises(KubeError, match="auth-provider oidc gives no token: no refresh token"):
        await held.renew()


def test_credentials_from_the_same_place_are_the_same() -> None:
    assert TokenFile(Path("/a")) == TokenFile(Path("/a")) != TokenFile(Path("/b"))
    assert bearer("a") == bearer("a\n") != bearer("b")
    assert "a-secret" not in repr(bearer("a-secret"))
