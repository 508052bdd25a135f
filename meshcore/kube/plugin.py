"""Credentials that a program gives: a kubeconfig user's `exec`, run as kubectl runs it (client.authentication.k8s.io).

It is run again when what it gave has expired or was refused. Made by kubeconfig.py, asked like all of credentials.py.
Nothing here is ever logged.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from meshcore.kube.credentials import Header
from meshcore.kube.failure import CREDENTIALS, KubeError

PLUGIN_S = 60.0  # a plugin may open a browser, but must not hang


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
            said = msgspec.json.decode(out)  # unlike json, it takes no halves of surrogates
            status = said["status"]
            version = said["apiVersion"]
        except (ValueError, KeyError, TypeError, RecursionError):
            status = None
        if not isinstance(status, dict):
            raise self._failed(
                "printed no ExecCredential with a status", "run it by hand to see what it says"
            ) from None
        if version != self.plugin.api_version:
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
