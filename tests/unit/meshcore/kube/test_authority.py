"""The authority as objects: the issuer's Secret and the bundle's ConfigMap, or the bundle alone."""

import base64
import time

import pytest

from meshcore.inject.names import ANCHORS_KEY, ANCHORS_MAP, ISSUER_SECRET
from meshcore.kube.authority import LABELS, anchored, fresh, given
from meshcore.kube.objects import CONFIG_MAPS, SECRETS
from meshcore.pki.authority import Authority, create_anchor, create_issuer, key_pem, new_key, pem, utc

NOW = utc(time.time())


def test_a_new_authority_has_its_anchors_in_both_objects() -> None:
    made = dict(fresh("meshtui"))
    bundle, secret = made[CONFIG_MAPS], made[SECRETS]
    assert base64.b64decode(secret["data"]["anchors.pem"]).decode() == bundle["data"][ANCHORS_KEY]
    assert [each["metadata"]["name"] for each in (bundle, secret)] == [ANCHORS_MAP, ISSUER_SECRET]
    assert [each["metadata"]["labels"] for each in (bundle, secret)] == [LABELS, LABELS]


def test_an_issuer_of_others_needs_an_anchor_that_signed_it() -> None:
    anchor, key = create_anchor("corp", NOW)
    other, _ = create_anchor("other", NOW)
    issuer, issuer_key = create_issuer("corp", anchor, key, NOW)
    given("meshtui", pem(anchor), pem(issuer), key_pem(issuer_key))
    with pytest.raises(ValueError, match="does not chain"):
        given("meshtui", pem(other), pem(issuer), key_pem(issuer_key))


def test_anchors_alone_become_the_bundle_as_they_are() -> None:
    two = b"".join(pem(create_anchor(name, NOW)[0]) for name in ("a", "b"))
    kind, bundle = anchored("mesh2", two)
    assert kind is CONFIG_MAPS
    assert (bundle["metadata"]["namespace"], bundle["data"][ANCHORS_KEY]) == ("mesh2", two.decode())


def test_what_nothing_can_be_under_is_no_bundle() -> None:
    anchor, key = create_anchor("corp", NOW)
    old, _ = create_anchor("old", utc(1_000_000_000))
    issuer, issuer_key = create_issuer("corp", anchor, key, NOW)
    leaf = Authority(issuer, issuer_key, (anchor,)).issue(new_key().public_key(), "spiffe://a/ns/b/sa/c", NOW)
    with pytest.raises(ValueError, match="cannot be read"):
        anchored("meshtui", key_pem(new_key()))
    with pytest.raises(ValueError, match="cannot be read"):
        anchored("meshtui", b"")
    with pytest.raises(ValueError, match="no trust anchor is valid now"):
        anchored("meshtui", pem(old))
    with pytest.raises(ValueError, match="not the certificate of an authority"):
        anchored("meshtui", pem(leaf.certificate))
    anchored("meshtui", pem(old) + pem(anchor))  # in the middle of a rotation


def test_what_else_a_file_holds_goes_no_further() -> None:
    """Above all the anchor's own key: the bundle is for everybody to read, and OpenSSL takes it in ASCII only."""
    anchor, key = create_anchor("corp", NOW)
    issuer, issuer_key = create_issuer("corp", anchor, key, NOW)
    much = b"\xef\xbb\xbf# \xc4rger\r\n" + key_pem(key) + pem(anchor).replace(b"\n", b"\r\n")
    made = dict(given("meshtui", much, b"subject=corp\n" + pem(issuer) + pem(anchor), key_pem(issuer_key)))
    assert made[CONFIG_MAPS]["data"] == {ANCHORS_KEY: pem(anchor).decode()}
    parts = {name: base64.b64decode(part) for name, part in made[SECRETS]["data"].items()}
    assert parts == {"anchors.pem": pem(anchor), "issuer.pem": pem(issuer), "issuer.key": key_pem(issuer_key)}
    assert anchored("meshtui", much)[1]["data"] == {ANCHORS_KEY: pem(anchor).decode()}
