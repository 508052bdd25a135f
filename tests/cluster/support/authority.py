"""A cluster's certificates: two authorities (the cluster's and the front proxy's) and what they sign."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=2)


class Authority:
    """An authority whose files lie in a folder: NAME.crt and NAME.key."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} of a test cluster")])
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        built = self._builder(self.subject, self.key.public_key(), datetime.now(UTC) + LIFE)
        built = built.add_extension(x509.BasicConstraints(True, None), True).add_extension(usage, True)
        built = built.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
        self.pem = built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.path = write(folder / f"{name}.crt", self.pem)
        self.key_path = write(folder / f"{name}.key", private_pem(self.key))

    def sign(
        self,
        name: str,
        common_name: str,
        groups: Sequence[str] = (),
        *,
        addresses: Sequence[str] = (),
        hosts: Sequence[str] = (),
        until: datetime | None = None,
    ) -> tuple[Path, Path]:
        """Write NAME.crt and NAME.key and return their paths; with addresses or hosts it is a server's, too."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        alternatives = [
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
            *(x509.DNSName(host) for host in hosts),
        ]
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        built = self._builder(subject, key.public_key(), until or datetime.now(UTC) + LIFE)
        if alternatives:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            built = built.add_extension(x509.SubjectAlternativeName(alternatives), False)
        built = built.add_extension(x509.ExtendedKeyUsage(usages), False)
        # Python from 3.13 on verifies strictly: without it, a certificate counts as no one's.
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        built = built.add_extension(issuer, False)
        pem = built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return write(self.folder / f"{name}.crt", pem), write(self.folder / f"{name}.key", private_pem(key))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(datetime.now(UTC), until) - timedelta(minutes=5))
            .not_valid_after(until)
        )


def token_keys(folder: Path) -> tuple[Path, Path]:
    """Write the pair of keys that ServiceAccount tokens are signed and checked with: private, public."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return write(folder / "tokens.key", private_pem(key)), write(folder / "tokens.pub", public)


def private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def write(path: Path, data: bytes) -> Path:
    path.touch(0o600)
    path.write_bytes(data)
    return path
