"""The files of the authority: `anchors.pem`, `anchor.key`, `issuer.pem`, `issuer.key`, in a folder of mode 0700.

The server opens the store; serve.py polls it, so an issuer or a bundle that somebody replaces is taken up without a
restart. A bad replacement changes nothing: the last good authority goes on, and `problem` says why.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meshcore.pki.authority import (
    Authority,
    AuthorityError,
    create_anchor,
    create_issuer,
    key_pem,
    load,
    pem,
    utc,
)

ANCHORS, ANCHOR_KEY, ISSUER, ISSUER_KEY = "anchors.pem", "anchor.key", "issuer.pem", "issuer.key"
RENEW_ISSUER = timedelta(days=30)  # an issuer whose anchor key is here is replaced so long before its end


class Store:
    """The authority in force, and the folder that it came from. `clock` is Unix time."""

    def __init__(self, folder: Path, name: str, clock: Callable[[], float], *, ours: bool = True) -> None:
        """Open the folder, or fill an empty one that is `ours` to write to; raises AuthorityError or OSError."""
        self.problem = ""  # why the files of now are not in force
        self._folder = folder
        self._name = name
        self._clock = clock
        if ours:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            if not (folder / ANCHORS).exists():
                self._create()
        self._renew_issuer()
        try:
            self.authority = self._load()
        except AuthorityError:
            # killed between the issuer's two files: an anchor whose key is here can make another
            if not self._renew_issuer(at_once=True):
                raise
            self.authority = self._load()
        self._seen = self._fingerprint()

    def poll(self) -> bool:
        """Take up what changed in the folder; tell whether another authority is in force now."""
        if not self._renew_issuer() and self._fingerprint() == self._seen:
            return False
        self._seen = self._fingerprint()
        try:
            found = self._load()
        except (AuthorityError, OSError) as error:
            self.problem = str(error)
            return False
        self.problem = ""
        changed = (found.issuer, found.anchors) != (self.authority.issuer, self.authority.anchors)
        self.authority = found
        return changed

    def _load(self) -> Authority:
        parts = [(self._folder / part).read_bytes() for part in (ANCHORS, ISSUER, ISSUER_KEY)]
        return load(parts[0], parts[1], parts[2], utc(self._clock()))

    def _create(self) -> None:
        anchor, key = create_anchor(self._name, utc(self._clock()))
        self._write(ANCHOR_KEY, key_pem(key))
        self._write_issuer(anchor, key)
        self._write(ANCHORS, pem(anchor))  # last: its presence says that the folder is complete

    def _write_issuer(self, anchor: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        issuer, issuer_key = create_issuer(self._name, anchor, key, utc(self._clock()))
        self._write(ISSUER_KEY, key_pem(issuer_key))
        self._write(ISSUER, pem(issuer))

    def _renew_issuer(self, *, at_once: bool = False) -> bool:
        """Replace an issuer that nears its end, where the anchor's key is at hand; tell whether that was done."""
        path = self._folder / ANCHOR_KEY
        if not path.exists():
            return False
        try:
            issuer = x509.load_pem_x509_certificate((self._folder / ISSUER).read_bytes())
            now = utc(self._clock())
            if not at_once and issuer.not_valid_after_utc - now > RENEW_ISSUER:
                return False
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
            anchors = x509.load_pem_x509_certificates((self._folder / ANCHORS).read_bytes())
        except (OSError, ValueError) as error:
            self.problem = f"the issuer cannot be renewed: {error}"
            return False
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            return False
        own = next((anchor for anchor in anchors if anchor.public_key() == key.public_key()), None)
        if own is None or own.not_valid_after_utc - now <= RENEW_ISSUER:
            return False
        self._write_issuer(own, key)
        return True

    def _fingerprint(self) -> tuple[tuple[int, int, int], ...]:
        found = []
        for part in (ANCHORS, ISSUER, ISSUER_KEY):
            try:
                info = (self._folder / part).stat()
                found.append((info.st_ino, info.st_mtime_ns, info.st_size))
            except OSError:
                found.append((0, 0, 0))
        return tuple(found)

    def _write(self, part: str, content: bytes) -> None:
        write(self._folder, part, content)


def write(folder: Path, part: str, content: bytes) -> None:
    """Write a file of mode 0600 whole or not at all, also when killed in the middle."""
    fresh = folder / f".{part}.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(folder / part)
