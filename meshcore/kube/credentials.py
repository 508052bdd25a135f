"""Who asks: the headers that say so, and how they are kept fresh. One class per way a kubeconfig can say it.

Tokens in files are read again as they rotate, an exec plugin is run again when what it gave has expired or was
refused. Made by kubeconfig.py, asked by session.py before each request. Nothing here is ever logged.
"""

import asyncio
import base64
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from meshcore.kube.failure import CREDENTIALS, KubeError

READ_AGAIN_S = 10.0  # how old what was read from a token's file may be
PLUGIN_S = 60.0  # a plugin may open a browser, but must not hang
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
    return Fixed(f"Bearer {token.strip()}")


def basic(username: str, password: str) -> Fixed:
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


@dataclass(frozen=True, slots=True)
class Plugin:
    """A kubeconfig user's `exec`: the command that gives credentials."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    interactive: bool = False  # may use the terminal
    cluster: Mapping[str, Any] | None = None  # told to the plugin when it asks for it


class ExecPlugin:
    """Credentials that a plugin gives, kept until they expire or the server refuses them."""

    def __init__(self, plugin: Plugin, now: Callable[[], float] = time.time) -> None:
        self.plugin = plugin
        self._now = now
        self._lock = asyncio.Lock()
        self._expires: float | None = None
        self._headers: tuple[Header, ...] | None = None
        self._pair: tuple[bytes, bytes] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExecPlugin) and self.plugin == other.plugin

    __hash__ = None  # type: ignore[assignment]

    async def headers(self) -> Sequence[Header]:
        async with self._lock:
            if self._headers is None or (self._expires is not None and self._now() >= self._expires):
                self._take(await self._run())
            assert self._headers is not None
            return self._headers

    async def renew(self) -> bool:
        before = self._headers
        async with self._lock:
            if self._headers is before:  # nobody else renewed them while this one waited
                self._take(await self._run())
        return True

    def certificate(self) -> tuple[bytes, bytes] | None:
        return self._pair

    async def _run(self) -> Mapping[str, Any]:
        plugin = self.plugin
        info: dict[str, Any] = {
            "apiVersion": plugin.api_version,
            "kind": "ExecCredential",
            "spec": {"interactive": plugin.interactive, **({"cluster": plugin.cluster} if plugin.cluster else {})},
        }
        env = {**os.environ, **plugin.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
        try:
            process = await asyncio.create_subprocess_exec(
                plugin.command,
                *plugin.args,
                env=env,
                stdin=None if plugin.interactive else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=None if plugin.interactive else asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise self._failed(
                f"cannot be started: {error.strerror}", plugin.install_hint or "install it, or correct its path"
            ) from None
        try:
            async with asyncio.timeout(PLUGIN_S):
                out, err = await process.communicate()
        except TimeoutError:
            raise self._failed(
                f"gave nothing within {PLUGIN_S:.0f} s", "run it by hand: does it wait for an answer?"
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            said = " ".join((err or b"").decode("utf-8", "replace").split())[-300:]
            raise self._failed(
                f"ended with {process.returncode}{said and f': {said}'}", plugin.install_hint or "log in again"
            )
        return self._parse(out)

    def _parse(self, out: bytes) -> Mapping[str, Any]:
        try:
            said = json.loads(out)
            status = said["status"]
            version = said["apiVersion"]
        except (ValueError, KeyError, TypeError):
            raise self._failed(
                "printed no ExecCredential with a status", "run it by hand to see what it says"
            ) from None
        if version != self.plugin.api_version or not isinstance(status, dict):
            raise self._failed(
                f"answered in {version}, the kubeconfig expects {self.plugin.api_version}",
                "update the plugin, or the apiVersion in the kubeconfig",
            )
        return status

    def _take(self, status: Mapping[str, Any]) -> None:
        token, certificate, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
        if bool(certificate) != bool(key) or not (token or certificate):
            raise self._failed(
                "gave neither a token nor a certificate with its key", "run it by hand: is it logged in?"
            )
        self._expires = _instant(status.get("expirationTimestamp"))
        self._headers = (("Authorization", f"Bearer {str(token).strip()}"),) if token else ()
        self._pair = (str(certificate).encode(), str(key).encode()) if certificate else None

    def _failed(self, what: str, hint: str) -> KubeError:
        return KubeError(f"the kubeconfig's plugin {self.plugin.command} {what}", hint, code=CREDENTIALS)


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


def _instant(text: object) -> float | None:
    """Return a time as RFC 3339 has it, in seconds since 1970."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise KubeError(
            f"the kubeconfig's plugin gave an expirationTimestamp that is no time: {text}",
            "update the plugin",
            code=CREDENTIALS,
        ) from None
