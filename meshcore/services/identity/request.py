"""What a certificate signing request must be: one URI SAN equal to the identity asked for, and nothing else.

Pure; serve.py asks before a token is used up, authority.py signs what passed.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from meshcore.wire.ids import SpiffeId

MAX_BYTES = 8192
# What sidecars, gRPC's BoringSSL and OpenSSL all accept in a handshake; P-521 is refused by the second.
CURVES = (ec.SECP256R1, ec.SECP384R1)

_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class RequestError(Exception):
    """A request that will not be signed; `str()` says why in one line."""


def public_key(der: bytes, identity: SpiffeId) -> ec.EllipticCurvePublicKey:
    """Return the key that a request proves to hold for `identity`; raises RequestError."""
    if len(der) > MAX_BYTES:
        raise RequestError(f"the request has {len(der)} bytes, at most {MAX_BYTES} are read")
    try:
        csr = x509.load_der_x509_csr(der)
        key = csr.public_key()
        extensions = list(csr.extensions)
        signed = csr.is_signature_valid
        hash_ok = csr.signature_hash_algorithm is not None and csr.signature_hash_algorithm.digest_size >= 32
    except _UNREADABLE as error:
        raise RequestError(f"the request is not a PKCS #10 request in DER: {_line(error)}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, CURVES):
        raise RequestError("the key must be ECDSA on P-256 or P-384")
    if not signed or not hash_ok:
        raise RequestError("the request is not signed by its key with SHA-256 or better")
    if list(csr.subject):
        raise RequestError("the subject must be empty: the identity goes into the URI SAN")
    _check_names(extensions, str(identity))
    return key


def _check_names(extensions: list[x509.Extension[x509.ExtensionType]], identity: str) -> None:
    names: list[x509.GeneralName] = []
    for extension in extensions:
        if not isinstance(extension.value, x509.SubjectAlternativeName):
            raise RequestError(f"extension {extension.oid.dotted_string} is not for the client to ask for")
        names += list(extension.value)
    if len(names) != 1 or not isinstance(names[0], x509.UniformResourceIdentifier):
        raise RequestError(f"exactly one subject alternative name is allowed, a URI; {len(names)} were asked for")
    if names[0].value != identity:
        raise RequestError("the URI SAN differs from the identity asked for")


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
