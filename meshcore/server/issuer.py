"""The issuer of a cluster's mesh: a Secret and a ConfigMap, kept as the files that identity's store reads.

`meshtui install` or cert-manager makes them; where nobody did, the first control plane to start does, once. Both are
followed, so an issuer or a bundle that somebody replaces is in force within seconds, on every replica.
"""

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshcore.inject.names import ANCHORS_MAP, ISSUER_SECRET
from meshcore.kube.authority import fresh
from meshcore.kube.failure import EXISTS, KubeError
from meshcore.kube.objects import CONFIG_MAPS, SECRETS, Object
from meshcore.kube.session import Session
from meshcore.kube.watch import Watch
from meshcore.services.identity.store import ANCHORS, ISSUER, ISSUER_KEY, write

log = logging.getLogger("meshcore.identity")

START_S = 50.0
PAUSE_S = 1.0
# Our own names of the parts, and those of kubernetes.io/tls, as cert-manager writes them.
_PARTS = {ISSUER: ("issuer.pem", "tls.crt"), ISSUER_KEY: ("issuer.key", "tls.key")}
_BUNDLE = ("anchors.pem", "ca.crt")

Data = tuple[tuple[str, bytes], ...]


class Issuer:
    """Keeps a folder in memory like the objects that name the authority."""

    def __init__(self, session: Session, namespace: str, folder: Path) -> None:
        self.folder = folder
        self._session = session
        self._namespace = namespace
        self._secret: Mapping[str, bytes] = {}
        self._bundle: Mapping[str, bytes] = {}
        self._watches: list[Watch[Data]] = []
        for kind, name, take in (
            (SECRETS, ISSUER_SECRET, self._secret_changed),
            (CONFIG_MAPS, ANCHORS_MAP, self._bundle_changed),
        ):
            watch = Watch(session, kind.path(namespace), _data, fields=f"metadata.name={name}")
            watch.on_change(take)
            self._watches.append(watch)

    async def ensure(self) -> None:
        """Read the authority, or make one where there is none; raises KubeError."""
        folder = self.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        until = time.monotonic() + START_S
        while not await self._begun(until):  # noqa: ASYNC110 - nobody announces an API server that is back
            await asyncio.sleep(PAUSE_S)

    async def run(self) -> None:
        """Follow the objects until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for watch in self._watches:
                tasks.create_task(watch.run())

    async def _begun(self, until: float) -> bool:
        """Tell whether the authority is read now; raises KubeError when it is too late for another try."""
        try:
            self._secret, self._bundle = await self._read()
            if not self._secret:
                await self._make()
                self._secret, self._bundle = await self._read()
        except KubeError as error:
            if not error.lost or time.monotonic() > until:
                raise
            log.warning("the issuer cannot be read yet", extra={"fields": {"reason": str(error)}})
            return False
        self._keep()
        return True

    async def _read(self) -> tuple[Mapping[str, bytes], Mapping[str, bytes]]:
        found: list[Mapping[str, bytes]] = []
        for kind, name in ((SECRETS, ISSUER_SECRET), (CONFIG_MAPS, ANCHORS_MAP)):
            listed = await self._session.list(kind.path(self._namespace), fields=f"metadata.name={name}")
            found.append(dict(_data(listed.items[0])) if listed.items else {})
        return found[0], found[1]

    async def _make(self) -> None:
        """Make an anchor and an issuer; the anchor's key is not kept by anybody."""
        log.warning("there is no issuer yet: one is made", extra={"fields": {"secret": ISSUER_SECRET}})
        for kind, each in fresh(self._namespace):
            try:
                await self._session.create(kind.path(self._namespace), each)
            except KubeError as error:
                if error.code != EXISTS:  # another replica was faster, and its word counts
                    raise

    def _secret_changed(self, change: Any) -> None:
        self._secret = dict(change[3] or self._secret)
        self._keep()

    def _bundle_changed(self, change: Any) -> None:
        self._bundle = dict(change[3] or self._bundle)
        self._keep()

    def _keep(self) -> None:
        """Write the parts that there are; the store judges them, and goes on with the last good ones."""
        parts = {part: _first(self._secret, keys) for part, keys in _PARTS.items()}
        parts[ANCHORS] = _first(self._bundle, _BUNDLE) or _first(self._secret, _BUNDLE)
        for part, content in parts.items():
            path = self.folder / part
            if content and (not path.exists() or path.read_bytes() != content):
                write(self.folder, part, content)


def _first(data: Mapping[str, bytes], keys: tuple[str, ...]) -> bytes:
    return next((data[key] for key in keys if data.get(key)), b"")


def _data(each: Object) -> Data:
    """Return an object's data as bytes: of a Secret decoded, of a ConfigMap as it is."""
    secret = each.get("kind") == "Secret" or "type" in each
    found = []
    for name, value in (each.get("data") or {}).items():
        try:
            found.append((name, base64.b64decode(value) if secret else value.encode()))
        except binascii.Error:
            log.warning("a part of a Secret is not base64", extra={"fields": {"part": name}})
    return tuple(sorted(found))
