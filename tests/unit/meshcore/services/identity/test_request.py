"""A signing request is signed only if it asks for its own identity and for nothing else."""

from collections.abc import Callable, Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from meshcore.services.identity.request import RequestError, public_key
from meshcore.wire.ids import SpiffeId

WEB = SpiffeId("local", "shop", "web")
KEY = ec.generate_private_key(ec.SECP256R1())
URI = x509.UniformResourceIdentifier(str(WEB))
EMPTY = x509.Name([])
SHA256 = hashes.SHA256()


def csr(
    names: Sequence[x509.GeneralName] | None = (URI,),
    *,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey = KEY,
    subject: x509.Name = EMPTY,
    extra: x509.ExtensionType | None = None,
    digest: hashes.HashAlgorithm | None = SHA256,
) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if extra is not None:
        builder = builder.add_extension(extra, critical=True)
    return builder.sign(key, digest).public_bytes(serialization.Encoding.DER)  # type: ignore[arg-type]


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_a_good_request_gives_its_key(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    assert public_key(csr(key=key), WEB) == key.public_key()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: csr(None), "0 were asked for"),
        (lambda: csr([]), "0 were asked for"),
        (lambda: csr([URI, URI]), "2 were asked for"),
        (lambda: csr([URI, x509.DNSName("web.shop")]), "2 were asked for"),
        (lambda: csr([x509.DNSName("web.shop")]), "a URI"),
        (lambda: csr([x509.UniformResourceIdentifier("spiffe://local/ns/shop/sa/cart")]), "differs"),
        (lambda: csr([x509.UniformResourceIdentifier(str(WEB) + "/")]), "differs"),
        (lambda: csr(subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(WEB))])), "subject must be empty"),
        (lambda: csr(extra=x509.BasicConstraints(ca=True, path_length=None)), "2.5.29.19"),
        (lambda: csr(key=rsa.generate_private_key(65537, 2048)), "ECDSA on P-256"),
        (lambda: csr(key=ed25519.Ed25519PrivateKey.generate(), digest=None), "ECDSA on P-256"),
        (lambda: csr(key=ec.generate_private_key(ec.SECP224R1())), "ECDSA on P-256"),
        (lambda: csr(digest=hashes.SHA224()), "with SHA-256 or better"),
        (lambda: b"", "not a PKCS #10"),
        (lambda: b"\0" * 9000, "at most 8192"),
    ],
)
def test_any_other_is_refused(make: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        public_key(make(), WEB)


def test_a_request_signed_by_another_key_is_refused() -> None:
    good = bytearray(csr())
    good[-1] ^= 1
    with pytest.raises(RequestError):
        public_key(bytes(good), WEB)


@given(st.binary(max_size=300))
def test_rubbish_is_refused_in_one_line(rubbish: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        public_key(rubbish, WEB)
    assert "\n" not in str(caught.value)


@given(st.integers(0, len(csr()) - 1), st.integers(1, 255))
@example(8, 1)  # a version that there is not
def test_a_request_with_one_byte_changed_never_proves_another_key(place: int, change: int) -> None:
    changed = bytearray(csr())
    changed[place % len(changed)] ^= change
    try:
        assert public_key(bytes(changed), WEB) == KEY.public_key()
    except RequestError:
        return
