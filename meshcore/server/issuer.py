"""The issuer of a cluster's mesh: a Secret and a ConfigMap, kept as the files that identity's store reads.

`meshtui install` or cert-manager makes them; where nobody did, the first control plane to start does, once: never
where somebody else is to (identity.external), nor under anchors that are there already. It waits instead. Both are
followed, so an issuer or a bundle that somebody replaces is in force within seconds, on every replica.
"""

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from meshcore.inject.names import ANCHORS_KEY, ANCHORS_MAP, CONFIG_KEY, CONFIG_MAP, ISSUER_SECRET
from meshcore.inject.settings import SettingsError, read
from meshcore.kube.authority import bundle, fresh
from meshcore.kube.failure import EXISTS, KubeError
from meshcore.kube.objects import CONFIG_MAPS, SECRETS, Kind, Object
from meshcore.kube.session import Session
from meshcore.kube.watch import Watch
from meshcore.pki.authority import AuthorityError, load, utc
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
        self.problem = ""  # why nothing can be issued yet
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
        """Read the authority, or make one where that is ours to do; waits for one that can issue; raises KubeError."""
        folder = self.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        until = time.monotonic() + START_S
        while not await self._begun(until):
            if self.problem:  # the API server answers, and is given its time anew when it stops doing so
                until = time.monotonic() + START_S
            await asyncio.sleep(PAUSE_S)

    def unready(self) -> Iterator[str]:
        """Yield why nothing can be issued yet."""
        yield self.problem or "the issuer has not been read yet"

    async def run(self) -> None:
        """Follow the objects until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for watch in self._watches:
                tasks.create_task(watch.run())

    async def _begun(self, until: float) -> bool:
        """Tell whether the authority is in the folder; raises KubeError when it is too late for another try."""
        try:
            self._secret, self._bundle = await self._read()
            problem = ("" if self._secret else await self._absent()) or self._unfit()
            if not problem and not self._bundle:
                await self._publish()
        except KubeError as error:
            self.problem = ""
            if not error.lost or time.monotonic() > until:
                raise
            log.warning("the issuer cannot be read yet", extra={"fields": {"reason": str(error)}})
            return False
        if problem and problem != self.problem:
            log.error("nothing can be issued yet: waiting", extra={"fields": {"reason": problem}})
        if self.problem and not problem:
            log.warning("there is an issuer now", extra={"fields": {"secret": ISSUER_SECRET}})
        self.problem = problem
        if problem:
            return False
        self._keep()
        return True

    async def _absent(self) -> str:
        """Make an authority, if that is ours to do; return why not."""
        secret = f"Secret {self._namespace}/{ISSUER_SECRET} does not exist"
        try:
            external = await self._external()
        except SettingsError as error:
            return f"{secret}, and whether it is ours to make is not known: {error}; correct it there"
        if external:
            return (
                f"{secret}, and identity.external leaves it to somebody else: have cert-manager make it (a Certificate "
                f"with isCA, an ECDSA key and secretName {ISSUER_SECRET})"
            )
        if self._bundle:
            return (
                f"{secret}, and a new issuer would not chain to the anchors in ConfigMap {ANCHORS_MAP}: "
                "restore the Secret from a copy, or begin anew; `meshtui check` has the steps"
            )
        await self._make()
        self._secret, self._bundle = await self._read()
        return ""

    async def _external(self) -> bool:
        """Tell whether somebody else keeps the issuer; raises SettingsError or KubeError."""
        config = f"ConfigMap {self._namespace}/{CONFIG_MAP}"
        listed = await self._session.list(CONFIG_MAPS.path(self._namespace), fields=f"metadata.name={CONFIG_MAP}")
        if not listed.items:
            raise SettingsError(f"{config} does not exist")
        try:
            return read((listed.items[0].get("data") or {}).get(CONFIG_KEY, "")).identity.external
        except SettingsError as error:
            raise SettingsError(f"{config}: {error}") from None

    def _unfit(self) -> str:
        """Return why the objects that there are cannot issue."""
        parts = self._parts()
        try:
            load(parts[ANCHORS], parts[ISSUER], parts[ISSUER_KEY], utc(time.time()))
        except AuthorityError as error:
            where = f"Secret {self._namespace}/{ISSUER_SECRET} with ConfigMap {self._namespace}/{ANCHORS_MAP}"
            return f"{where}: {error}; what is put right there is taken up at once"
        return ""

    async def _read(self) -> tuple[Mapping[str, bytes], Mapping[str, bytes]]:
        found: list[Mapping[str, bytes]] = []
        # The Secret last, which is made first: where another replica's bundle is seen, its issuer is, too.
        for kind, name in ((CONFIG_MAPS, ANCHORS_MAP), (SECRETS, ISSUER_SECRET)):
            listed = await self._session.list(kind.path(self._namespace), fields=f"metadata.name={name}")
            found.append(dict(_data(listed.items[0])) if listed.items else {})
        return found[1], found[0]

    async def _make(self) -> None:
        """Make an issuer under a new anchor, whose key is not kept by anybody."""
        log.warning("there is no issuer yet: one is made", extra={"fields": {"secret": ISSUER_SECRET}})
        # The Secret alone: replicas that begin together agree on one, and whoever reads it publishes its anchor.
        await self._create(SECRETS, dict(fresh(self._namespace))[SECRETS])

    async def _publish(self) -> None:
        """Make the bundle of an issuer of ours, whose Secret has its anchors; cert-manager's are not ours to tell."""
        anchors = self._secret.get(ANCHORS_KEY)
        if anchors:
            await self._create(CONFIG_MAPS, bundle(self._namespace, anchors))
            self._secret, self._bundle = await self._read()

    async def _create(self, kind: Kind, each: Object) -> None:
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

    def _parts(self) -> dict[str, bytes]:
        parts = {part: _first(self._secret, keys) for part, keys in _PARTS.items()}
        parts[ANCHORS] = _first(self._bundle, _BUNDLE) or _first(self._secret, _BUNDLE)
        return parts

    def _keep(self) -> None:
        """Write the parts that there are; the store judges them, and goes on with the last good ones."""
        for part, content in self._parts().items():
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
