"""What the authority signs, for how long, and which sets of files it takes for an authority at all."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meshcore.pki import authority
from meshcore.pki.authority import Authority, AuthorityError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
URI = "spiffe://local/ns/shop/sa/web"
ANCHOR, ANCHOR_KEY = authority.create_anchor("test", NOW)
ISSUER, ISSUER_KEY = authority.create_issuer("test", ANCHOR, ANCHOR_KEY, NOW)
OTHER, OTHER_KEY = authority.create_anchor("other", NOW)
GOOD = Authority(ISSUER, ISSUER_KEY, (ANCHOR,))
KEY = authority.new_key().public_key()


def load(
    anchor: x509.Certificate, issuer: x509.Certificate, key: ec.EllipticCurvePrivateKey, now: datetime = NOW
) -> Authority:
    return authority.load(authority.pem(anchor), authority.pem(issuer), authority.key_pem(key), now)


def test_a_leaf_has_one_name_and_a_day() -> None:
    leaf = GOOD.issue(KEY, URI, NOW).certificate
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical
    assert list(names.value) == [x509.UniformResourceIdentifier(URI)]
    assert list(leaf.subject) == []
    assert leaf.not_valid_before_utc == NOW - timedelta(seconds=20)
    assert leaf.not_valid_after_utc == NOW + timedelta(hours=24)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    leaf.verify_directly_issued_by(ISSUER)


def test_the_chain_leaves_the_anchor_out() -> None:
    leaf = GOOD.issue(KEY, URI, NOW, dns=("control-plane.meshtui",))
    assert leaf.chain == (authority.der(leaf.certificate), authority.der(ISSUER))
    assert x509.load_pem_x509_certificates(leaf.pem) == [leaf.certificate, ISSUER]


def test_openssl_and_we_agree_that_a_leaf_chains_to_the_anchor() -> None:
    store = x509.verification.Store([ANCHOR])
    leaf = GOOD.issue(KEY, URI, NOW, dns=("control-plane.meshtui",)).certificate
    verifier = x509.verification.PolicyBuilder().store(store).time(NOW).build_client_verifier()
    assert verifier.verify(leaf, [ISSUER]).chain == [leaf, ISSUER, ANCHOR]


def test_a_leaf_never_outlives_its_issuer() -> None:
    late = ISSUER.not_valid_after_utc - timedelta(hours=1)
    assert GOOD.issue(KEY, URI, late).certificate.not_valid_after_utc == ISSUER.not_valid_after_utc
    with pytest.raises(AuthorityError, match="not valid now"):
        GOOD.issue(KEY, URI, ISSUER.not_valid_after_utc)


def test_serial_numbers_differ() -> None:
    serials = {GOOD.issue(KEY, URI, NOW).certificate.serial_number for _ in range(20)}
    assert len(serials) == 20


def test_a_good_set_loads() -> None:
    assert load(ANCHOR, ISSUER, ISSUER_KEY).bundle == (authority.der(ANCHOR),)


def test_a_bundle_may_hold_several_anchors() -> None:
    both = authority.pem(OTHER) + authority.pem(ANCHOR)
    loaded = authority.load(both, authority.pem(ISSUER), authority.key_pem(ISSUER_KEY), NOW)
    assert loaded.anchors == (OTHER, ANCHOR)
    assert loaded.bundle_pem == both


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((OTHER, ISSUER, ISSUER_KEY), "does not chain"),
        ((ANCHOR, ISSUER, OTHER_KEY), "does not belong"),
        ((ANCHOR, GOOD.issue(OTHER_KEY.public_key(), URI, NOW).certificate, OTHER_KEY), "not one of an authority"),
    ],
)
def test_a_set_that_cannot_issue_is_refused(
    parts: tuple[x509.Certificate, x509.Certificate, ec.EllipticCurvePrivateKey], reason: str
) -> None:
    with pytest.raises(AuthorityError, match=reason):
        load(*parts)


@pytest.mark.parametrize("when", [NOW - timedelta(minutes=2), NOW + timedelta(days=400)])
def test_an_issuer_out_of_its_time_is_refused(when: datetime) -> None:
    with pytest.raises(AuthorityError, match="valid until"):
        load(ANCHOR, ISSUER, ISSUER_KEY, when)


def key_bytes(curve: bytes, other: bytes) -> bytes:
    """Return the issuer's key as one of another curve, named by its object identifier."""
    formats = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    made = ISSUER_KEY.private_bytes(serialization.Encoding.DER, *formats).replace(curve, other)
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(made) + b"-----END PRIVATE KEY-----\n"


GOOD_PARTS = (authority.pem(ANCHOR), authority.pem(ISSUER), authority.key_pem(ISSUER_KEY))
LOCKED = ISSUER_KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
)
SM2 = key_bytes(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a811ccf5501822d"))


@pytest.mark.parametrize(
    ("part", "content", "reason"),
    [
        (0, b"", "^the trust anchors cannot be read: Unable to load PEM file$"),
        (1, b"rubbish", "^the issuer's certificate cannot be read: "),
        (2, LOCKED, "^the issuer's key cannot be read: .*encrypted$"),
        (2, SM2, "^the issuer's key cannot be read: .*not supported$"),
    ],
)
def test_what_cannot_be_read_is_named(part: int, content: bytes, reason: str) -> None:
    parts = [*GOOD_PARTS[:part], content, *GOOD_PARTS[part + 1 :]]
    with pytest.raises(AuthorityError, match=reason):
        authority.load(*parts, NOW)


Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certified(name: str, above: Pair | None = None, *, limit: int | None = None) -> Pair:
    """Return an authority under another, or a root; `limit` is how many authorities it allows in a chain below it."""
    key, subject = authority.new_key(), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = (above[0].subject, above[1]) if above else (subject, key)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), 1, NOW, NOW + timedelta(days=9))
    constraints = x509.BasicConstraints(ca=True, path_length=limit)
    return builder.add_extension(constraints, critical=True).sign(signer, hashes.SHA256()), key


def test_only_what_tls_would_follow_up_to_a_root_is_a_chain() -> None:
    root = certified("root")
    middle = certified("middle", root)
    issuer, narrow = certified("issuer", middle), certified("narrow", limit=0)

    def taken(below: Pair, *anchors: Pair) -> bool:
        bundle = b"".join(authority.pem(anchor) for anchor, _ in anchors)
        try:
            authority.load(bundle, authority.pem(below[0]), authority.key_pem(below[1]), NOW)
        except AuthorityError as error:
            assert "does not chain to a self-signed trust anchor" in str(error)
            return False
        return True

    assert taken(issuer, middle, root)
    assert taken(root, root)
    assert not taken(issuer, middle)
    assert not taken(issuer, root)
    assert not taken(certified("issuer", narrow), narrow)
    shallow = certified("shallow", limit=1)
    middle = certified("middle", shallow)
    assert not taken(certified("issuer", middle), middle, shallow)
    with pytest.raises(AuthorityError, match="no trust anchor is self-signed"):
        authority.load_anchors(authority.pem(middle[0]), NOW)
