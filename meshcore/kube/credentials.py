"""Who asks: the headers that say so, and how they are kept fresh. One class per way a kubeconfig can say it.

Tokens in files are read again as they rotate; a program that gives credentials is plugin.py's. Made by kubeconfig.py,
asked by transport.py before each request. Nothing here is ever logged.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from meshcore.kube.failure import CREDENTIALS, KubeError

READ_AGAIN_S = 10.0  # how old what was read from a token's file may be
ASK_AGAIN_S = 60.0

Header = tuple[str, str]


class Credentials(Protocol):
    """Something that says who asks. Two that get what they say from the same place are equal."""

    async def headers(self) -> Sequence[Header]:
        """Return the headers of a request made now; raises KubeError."""

    async def renew(self) -> bool:
        """Get new ones after the server refused these; False: there are no others."""

    def certificate(self) -> tuple[bytes, bytes] | None:
        """Return a certificate and its key in PEM, if that is what `headers` last got."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """What does not change: a token, a name and password, or nothing (a certificate says it, or nobody does)."""

    authorization: str = field(default="", repr=False)

    async def headers(self) -> Sequence[Header]:
        return (("Authorization", self.authorization),) if self.authorization else ()

    async def renew(self) -> bool:
        return False

    def certificate(self) -> tuple[bytes, bytes] | None:
        return None


def bearer(token: str) -> Fixed:
    """Return the credentials of a token, white space around it aside."""
    return Fixed(f"Bearer {token.strip()}")


def basic(username: str, password: str) -> Fixed:
    """Return the credentials of a name and a password (RFC 7617)."""
    return Fixed("Basic " + base64.b64encode(f"{username}:{password}".encode()).decode())


class TokenFile:
    """A token in a file that somebody else keeps fresh: a service account's, or a kubeconfig's tokenFile."""

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._now = now
        self._token = ""
        self._read_at = float("-inf")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenFile) and self.path == other.path

    __hash__ = None  # type: ignore[assignment]

    async def headers(self) -> Sequence[Header]:
        if self._now() - self._read_at >= READ_AGAIN_S:
            self._read()
        return (("Authorization", f"Bearer {self._token}"),)

    async def renew(self) -> bool:
        before = self._token
        self._read()
        return self._token != before

    def certificate(self) -> tuple[bytes, bytes] | None:
        return None

    def _read(self) -> None:
        try:
            token = self.path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            if self._token:  # it is being replaced; what was read last is good until the server says otherwise
                return
            raise KubeError(
                f"the token's file cannot be read: {self.path}: {getattr(error, 'strerror', None) or error}",
                "see tokenFile in the kubeconfig, or the pod's service account volume",
                code=CREDENTIALS,
            ) from None
        if not token:
            raise KubeError(f"the token's file is empty: {self.path}", "log in again", code=CREDENTIALS)
        self._token = token
        self._read_at = self._now()


class Provider:
    """A kubeconfig's older auth-provider (oidc, gcp): `ask` returns its header, and refreshes it when it is due."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[str]], now: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._ask = ask
        self._now = now
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._authorization = ""

    async def headers(self) -> Sequence[Header]:
        async with self._lock:
            if self._now() - self._asked_at >= ASK_AGAIN_S:
                try:
                    self._authorization = await self._ask()
                except Exception as error:  # noqa: BLE001 - a library's, that names no errors of its own
                    raise KubeError(
                        f"the kubeconfig's auth-provider {self.name} gives no token: {error}",
                        "log in again",
                        code=CREDENTIALS,
                    ) from None
                self._asked_at = self._now()
        return (("Authorization", self._authorization),)

    async def renew(self) -> bool:
        before, self._asked_at = self._authorization, float("-inf")
        await self.headers()
        return self._authorization != before

    def certificate(self) -> tuple[bytes, bytes] | None:
        return None


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whom to ask as: kubectl's --as, --as-group and --as-uid."""

    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def headers(self) -> list[Header]:
        """Return the headers that say so; raises KubeError for groups of nobody."""
        if not self.user:
            if self.groups or self.uid or self.extra:
                raise KubeError(
                    "--as-group and --as-uid say more about a user that --as does not name",
                    "add --as=USER",
                    code=CREDENTIALS,
                )
            return []
        found = [("Impersonate-User", self.user), *(("Impersonate-Group", each) for each in self.groups)]
        if self.uid:
            found.append(("Impersonate-Uid", self.uid))
        for name, values in self.extra:
            found += [(f"Impersonate-Extra-{quote(name.lower(), safe='')}", value) for value in values]
        return found
