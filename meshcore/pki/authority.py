"""The certificate authority: a trust anchor, an issuer under it, and the leaves that the issuer signs.

Makes and checks certificates; reads no file and no clock but the one it is given (store.py keeps the files).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Part = TypeVar("Part")

LEAF_LIFE = timedelta(hours=24)
ISSUER_LIFE = timedelta(days=365)
ANCHOR_LIFE = timedelta(days=3650)
SKEW = timedelta(seconds=20)  # clocks of one mesh may differ by so much


class AuthorityError(Exception):
    """A set of certificates that cannot issue; `str()` says why in one line."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An issued certificate with what its holder has to send along."""

    certificate: x509.Certificate
    chain: tuple[bytes, ...]  # DER, leaf first, without the anchor

    @property
    def pem(self) -> bytes:
        return b"".join(pem(x509.load_der_x509_certificate(der)) for der in self.chain)


@dataclass(frozen=True, slots=True)
class Authority:
    """An issuer that chains to the anchors. Build it with `load`, which checks, or with `create`."""

    issuer: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    anchors: tuple[x509.Certificate, ...]

    def issue(
        self,
        key: ec.EllipticCurvePublicKey,
        uri: str,
        now: datetime,
        *,
        dns: Iterable[str] = (),
        life: timedelta = LEAF_LIFE,
    ) -> Leaf:
        """Sign a leaf for `uri`; it never outlives its issuer. Raises AuthorityError if the issuer has run out."""
        if not self.issuer.not_valid_before_utc - SKEW <= now < self.issuer.not_valid_after_utc:
            raise AuthorityError("the issuer's certificate is not valid now")
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
        names += [x509.DNSName(name) for name in dns]
        certificate = (
            _builder(key, now - SKEW, min(now + life, self.issuer.not_valid_after_utc))
            .subject_name(x509.Name([]))
            .issuer_name(self.issuer.subject)
            # RFC 5280, 4.2.1.6: critical where the subject is empty
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(_authority_id(self.issuer), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return Leaf(certificate, (der(certificate), der(self.issuer)))

    @property
    def bundle(self) -> tuple[bytes, ...]:
        """The trust anchors, DER."""
        return tuple(der(anchor) for anchor in self.anchors)

    @property
    def bundle_pem(self) -> bytes:
        return b"".join(pem(anchor) for anchor in self.anchors)


def create_anchor(name: str, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a new self-signed trust anchor and its key."""
    key = new_key()
    subject = _name(f"meshtui trust anchor of {name}")
    certificate = _sign_ca(key.public_key(), subject, subject, key, now, ANCHOR_LIFE, path_length=1)
    return certificate, key


def create_issuer(
    name: str, anchor: x509.Certificate, anchor_key: ec.EllipticCurvePrivateKey, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a new issuer under an anchor, and its key."""
    key = new_key()
    life = min(ISSUER_LIFE, anchor.not_valid_after_utc - now)
    subject = _name(f"meshtui issuer of {name}")
    return _sign_ca(key.public_key(), subject, anchor.subject, anchor_key, now, life, path_length=0, under=anchor), key


def load_anchors(anchors_pem: bytes, now: datetime) -> tuple[x509.Certificate, ...]:
    """Return the anchors of a file; raises AuthorityError unless all are authorities, and one could be used now."""
    anchors = tuple(_read("the trust anchors", lambda: x509.load_pem_x509_certificates(anchors_pem)))
    if not all(map(_is_ca, anchors)):
        raise AuthorityError("a trust anchor is not the certificate of an authority (basicConstraints CA)")
    if not any(each.not_valid_before_utc - SKEW <= now < each.not_valid_after_utc for each in anchors):
        raise AuthorityError("no trust anchor is valid now")
    if not any(signed_by(each, each) for each in anchors):
        raise AuthorityError("no trust anchor is self-signed: TLS follows a chain up to its root")
    return anchors


def load(anchors_pem: bytes, issuer_pem: bytes, key_pem: bytes, now: datetime) -> Authority:
    """Return the authority of three files' contents; raises AuthorityError unless it could issue now."""
    anchors = tuple(_read("the trust anchors", lambda: x509.load_pem_x509_certificates(anchors_pem)))
    issuer = _read("the issuer's certificate", lambda: x509.load_pem_x509_certificate(issuer_pem))
    public = _read("the issuer's certificate", issuer.public_key)
    key = _read("the issuer's key", lambda: serialization.load_pem_private_key(key_pem, password=None))
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(public, ec.EllipticCurvePublicKey):
        raise AuthorityError("the issuer's key is not an ECDSA key")
    if key.public_key() != public:
        raise AuthorityError("the issuer's key does not belong to its certificate")
    if not _is_ca(issuer):
        raise AuthorityError("the issuer's certificate is not one of an authority (basicConstraints CA)")
    if not issuer.not_valid_before_utc - SKEW <= now < issuer.not_valid_after_utc:
        raise AuthorityError(f"the issuer's certificate is valid until {issuer.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if not _chains(issuer, anchors, now):
        raise AuthorityError(
            "the issuer does not chain to a self-signed trust anchor of the bundle that is valid and allows issuers"
        )
    return Authority(issuer, key, anchors)


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS #8."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate as DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def utc(seconds: float) -> datetime:
    """Return Unix time as a datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def signed_by(issuer: x509.Certificate, anchor: x509.Certificate) -> bool:
    """Tell whether an anchor, which has to be an authority, has signed an issuer; when it is valid is not looked at."""
    try:
        issuer.verify_directly_issued_by(anchor)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return _is_ca(anchor)


def millis(moment: datetime) -> int:
    """Return a datetime as Unix time in ms."""
    return int(moment.timestamp() * 1000)


def _read(what: str, read: Callable[[], Part]) -> Part:
    try:
        return read()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = str(error).partition("\n")[0].partition(". See ")[0][:200]
        raise AuthorityError(f"{what} cannot be read: {reason}") from None


def _chains(below: x509.Certificate, anchors: Iterable[x509.Certificate], now: datetime, depth: int = 1) -> bool:
    """Tell whether TLS would find a root of the bundle above an authority; `depth` is how many are under the next."""
    for anchor in anchors:
        if anchor.not_valid_before_utc - SKEW <= now < anchor.not_valid_after_utc and signed_by(below, anchor):
            limit = anchor.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
            if limit is not None and limit < depth:
                continue
            others = [each for each in anchors if each != anchor]
            if signed_by(anchor, anchor) or _chains(anchor, others, now, depth + 1):
                return True
    return False


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _sign_ca(
    key: ec.EllipticCurvePublicKey,
    subject: x509.Name,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
    *,
    path_length: int,
    under: x509.Certificate | None = None,
) -> x509.Certificate:
    builder = (
        _builder(key, now - SKEW, now + life)
        .subject_name(subject)
        .issuer_name(issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if under is not None:
        builder = builder.add_extension(_authority_id(under), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _builder(key: ec.EllipticCurvePublicKey, start: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _authority_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        known = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])
