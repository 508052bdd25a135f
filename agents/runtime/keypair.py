"""Make a private key and a certificate request in a process of its own: `python -m agents.runtime.keypair IDENTITY`.

Writes PEM of the key and of the request to stdout, which is a pipe to the sidecar. A process of its own, because the
X.509 library weighs as much as the rest of a sidecar, and is needed twice a day. The request has one URI SAN, no more.
"""

import sys


def make(identity: str) -> bytes:
    """Return PEM of an ECDSA P-256 key (PKCS #8) followed by PEM of a request for `identity`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + request.public_bytes(serialization.Encoding.PEM)


if __name__ == "__main__":
    sys.stdout.buffer.write(make(sys.argv[1]))
