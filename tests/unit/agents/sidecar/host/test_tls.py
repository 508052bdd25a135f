"""The mesh's TLS over memory: both ends prove who they are, contexts follow the certificates."""

import math
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.sidecar.host.tls import Contexts, expiry, identity
from agents.sidecar.state.certs import Certificate, Certs
from meshcore.pki import authority
from tests.support.playbook import Side

NAME = "spiffe://local/ns/default/sa/web"


class Transport(Side):
    """A transport whose far end has shown a certificate."""

    def __init__(self, certificate: object) -> None:
        super().__init__(None)
        self._certificate = certificate

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._certificate if name == "peercert" else default


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (None, ""),
        ({}, ""),
        ({"subjectAltName": (("URI", NAME),)}, NAME),
        ({"subjectAltName": (("DNS", "web"), ("URI", NAME))}, NAME),
        ({"subjectAltName": (("URI", NAME), ("URI", NAME + "2"))}, ""),  # which one would it be?
        ({"subjectAltName": (("URI", "https://web"),)}, ""),
        ({"subjectAltName": (("DNS", NAME),)}, ""),
    ],
)
def test_identity(certificate: object, expected: str) -> None:
    assert identity(Transport(certificate)) == expected


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [(None, math.inf), ({}, math.inf), ({"notAfter": "Jan  2 00:00:00 1970 GMT"}, 86400.0)],
)
def test_when_it_expires(certificate: object, expected: float) -> None:
    assert expiry(Transport(certificate)) == expected


class Trust:
    """A trust domain that hands certificates to Certs, as feeds/identity does."""

    def __init__(self) -> None:
        now = datetime.now(UTC) - timedelta(days=5)
        anchor, anchor_key = authority.create_anchor("test", now)
        issuer, key = authority.create_issuer("test", anchor, anchor_key, now)
        self._authority = authority.Authority(issuer, key, (anchor,))

    def install(self, certs: Certs, path: Path, name: str = NAME, age: timedelta = timedelta()) -> None:
        key = authority.new_key()
        leaf = self._authority.issue(key.public_key(), name, datetime.now(UTC) - age)
        path.write_bytes(leaf.pem + authority.key_pem(key))
        certs.install(Certificate(name, leaf.pem, b"", str(path), 0.0, 1.0, "1"), self._authority.bundle_pem.decode())


class Handshake:
    """Both ends in memory."""

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext) -> None:
        self._up, self._down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(self._down, self._up, server_side=False)
        self.server = server.wrap_bio(self._up, self._down, server_side=True)

    def run(self) -> None:
        """Until both are done; raises what the first of them has against the other."""
        pending = [self.client, self.server]
        for _ in range(10):
            for end in list(pending):
                try:
                    end.do_handshake()
                    pending.remove(end)
                except ssl.SSLWantReadError:
                    continue
            if not pending:
                return
        raise AssertionError("the handshake does not end")


@pytest.fixture
def trust() -> Trust:
    return Trust()


def contexts(trust: Trust, path: Path, **more: timedelta) -> Contexts:
    certs = Certs()
    trust.install(certs, path, **more)
    return Contexts(certs)


def test_nothing_before_there_is_a_certificate() -> None:
    made = Contexts(Certs())
    assert made.server is None
    assert made.client is None


def test_both_ends_prove_who_they_are(trust: Trust, tmp_path: Path) -> None:
    made = contexts(trust, tmp_path / "a")
    assert made.client is not None
    assert made.server is not None
    hands = Handshake(made.client, made.server)
    hands.run()
    for end in (hands.client, hands.server):
        assert identity(Transport(end.getpeercert())) == NAME
        assert (end.version(), end.selected_alpn_protocol()) == ("TLSv1.3", "meshtui/1")


def test_strangers_are_refused_by_both(trust: Trust, tmp_path: Path) -> None:
    ours, theirs = contexts(trust, tmp_path / "a"), contexts(Trust(), tmp_path / "b")
    assert ours.client and ours.server and theirs.client and theirs.server
    for client, server in ((ours.client, theirs.server), (theirs.client, ours.server)):
        with pytest.raises(ssl.SSLCertVerificationError):
            Handshake(client, server).run()


def test_who_shows_nothing_is_refused(trust: Trust, tmp_path: Path) -> None:
    made = contexts(trust, tmp_path / "a")
    assert made.server is not None
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname = False
    bare.verify_mode = ssl.CERT_NONE
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        Handshake(bare, made.server).run()


def test_expired_certificates_are_refused(trust: Trust, tmp_path: Path) -> None:
    ours, late = contexts(trust, tmp_path / "a"), contexts(trust, tmp_path / "b", age=timedelta(days=3))
    assert ours.server is not None
    assert late.client is not None
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        Handshake(late.client, ours.server).run()


def test_older_tls_is_refused(trust: Trust, tmp_path: Path) -> None:
    made = contexts(trust, tmp_path / "a")
    assert made.client is not None
    assert made.server is not None
    made.client.minimum_version = ssl.TLSVersion.TLSv1_2
    made.client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        Handshake(made.client, made.server).run()


def test_contexts_follow_certificates_and_anchors(trust: Trust, tmp_path: Path) -> None:
    certs = Certs()
    made = Contexts(certs)
    trust.install(certs, tmp_path / "a")
    first = made.server
    assert first is not None
    trust.install(certs, tmp_path / "b")
    second = made.server
    assert second is not None
    assert second is not first
    assert made.client is not None
    Handshake(made.client, first).run()  # a connection that began with the old one goes on
    other = Certs()
    Trust().install(other, tmp_path / "c")
    certs.trust(other.anchors_pem)
    assert made.client is not None
    with pytest.raises(ssl.SSLCertVerificationError):
        Handshake(made.client, second).run()
