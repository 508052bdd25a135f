"""Key pairs: one URI SAN and nothing else, and the key is the request's."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agents.runtime.keypair import make

IDENTITY = "spiffe://local/ns/emojivoto/sa/web"


def test_the_request_asks_for_the_identity_and_nothing_else():
    out = make(IDENTITY)
    request = x509.load_pem_x509_csr(out[out.index(b"-----BEGIN CERTIFICATE REQUEST") :])
    key = load_pem_private_key(out, None)
    assert request.is_signature_valid
    assert request.public_key() == key.public_key()
    (extension,) = request.extensions
    assert [name.value for name in extension.value] == [IDENTITY]
    assert list(request.subject) == []
