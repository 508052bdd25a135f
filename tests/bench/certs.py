"""Certificates for the others, of the same make as the mesh's: ECDSA P-256, one URI SAN, TLS 1.3 on both sides."""

from datetime import UTC, datetime
from pathlib import Path

from meshcore.pki import authority


def write(folder: Path, *names: str) -> None:
    """Write `ca.pem`, and for each name `NAME.pem` and `NAME.key`."""
    now = datetime.now(UTC)
    anchor, anchor_key = authority.create_anchor("bench", now)
    issuer, key = authority.create_issuer("bench", anchor, anchor_key, now)
    made = authority.Authority(issuer, key, (anchor,))
    (folder / "ca.pem").write_bytes(made.bundle_pem)
    for name in names:
        leaf_key = authority.new_key()
        leaf = made.issue(leaf_key.public_key(), identity(name), now)
        (folder / f"{name}.pem").write_bytes(leaf.pem)
        (folder / f"{name}.key").write_bytes(authority.key_pem(leaf_key))


def identity(name: str) -> str:
    return f"spiffe://local/ns/default/sa/{name}"
