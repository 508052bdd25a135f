"""Who hears of certificates and of the issuer, and in which words: what becomes Events in a cluster."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from meshcore.pki.authority import ISSUER_LIFE, new_key
from meshcore.services.identity.serve import Identity
from meshcore.services.identity.serving import Serving
from meshcore.services.identity.store import ANCHOR_KEY, Store
from meshcore.services.identity.tokens import TokenError
from meshcore.wire.identity_pb2 import CertifyRequest
from meshcore.wire.ids import SpiffeId

START = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
WEB = SpiffeId("local", "shop", "web")


class Aborted(Exception):
    """How a call ended."""


class Context:
    """A caller without a certificate."""

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise Aborted(code.name, details)


class Place:
    """An identity service over a folder whose issuer nobody renews, with all that it tells."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.told: list[tuple[SpiffeId, str]] = []
        self.noted: list[tuple[str, str, bool]] = []
        store = Store(folder, "test", lambda: self.now)
        (folder / ANCHOR_KEY).unlink()  # as in a cluster, where somebody else keeps the issuer
        self.identity = Identity(
            store,
            Serving(store.authority, str(WEB), (), lambda: self.now),
            self.redeem,
            trust_domain="local",
            caller=lambda _: None,
            clock=lambda: self.now,
            told=lambda identity, reason: self.told.append((identity, reason)),
            noted=lambda word, note, bad: self.noted.append((word, note, bad)),
        )

    async def redeem(self, token: str, wanted: SpiffeId) -> None:
        if token != "good":
            raise TokenError(f"the token is not {wanted}'s")

    async def certify(self, token: str = "good") -> Any:
        uri = x509.UniformResourceIdentifier(str(WEB))
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        builder = builder.add_extension(x509.SubjectAlternativeName([uri]), critical=False)
        csr = builder.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        request = CertifyRequest(identity=str(WEB), csr=csr, token=token)
        return await self.identity.Certify(request, Context())  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "ca")


async def test_a_certificate_is_told_of(place: Place) -> None:
    answer = await place.certify()
    assert len(answer.chain) == 2
    assert place.told == [(WEB, "")]
    assert place.noted == []


async def test_a_refusal_is_told_with_its_reason(place: Place) -> None:
    with pytest.raises(Aborted) as caught:
        await place.certify("bad")
    assert caught.value.args == ("UNAUTHENTICATED", f"the token is not {WEB}'s")
    assert place.told == [(WEB, f"the token is not {WEB}'s")]
    assert place.noted == []  # it is not the issuer's fault


async def test_an_issuer_that_has_run_out_is_told_of_by_whoever_finds_it(place: Place) -> None:
    place.now += ISSUER_LIFE.total_seconds() + 1
    with pytest.raises(Aborted) as caught:
        await place.certify()
    reason = "the issuer's certificate is not valid now"
    assert caught.value.args == ("FAILED_PRECONDITION", reason)
    assert place.noted == [("IssuerValidationFailed", f"no certificate can be issued: {reason}", True)]
    assert place.told == [(WEB, reason)]
    assert (place.identity.issued, place.identity.refused) == (0, 1)
