"""What the authority signs, for how long, and which sets of files it takes for an authority at all."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
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


def test_rubbish_is_refused() -> None:
    with pytest.raises(AuthorityError, match="cannot be read"):
        authority.load(b"", b"", b"", NOW)
