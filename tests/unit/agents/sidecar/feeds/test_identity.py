"""When certificates are renewed, and how their serial number is read without an X.509 library."""

import logging
import ssl
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.sidecar.feeds.identity import Identity, make_keypair, renewal_time, serial
from agents.sidecar.state.certs import Certificate, Certs
from meshcore.pki import authority
from meshcore.wire import identity_pb2


def test_renewal_leaves_a_control_plane_eight_hours_to_be_away():
    day = Certificate("spiffe://x", b"", b"", "", 1000.0, 1000.0 + 86400.0, "1")
    times = [renewal_time(day) for _ in range(50)]
    assert all(1000 + 0.60 * 86400 <= moment <= 1000 + 86400 - 8 * 3600 for moment in times)
    assert len(set(times)) > 1


def test_the_serial_number_is_the_certificates():
    anchor, _ = authority.create_anchor("test", datetime.now(UTC))
    for _ in range(5):
        assert int(serial(authority.der(anchor)), 16) == anchor.serial_number


async def test_key_pairs_come_from_a_process_of_their_own():
    key, request = await make_keypair("spiffe://local/ns/a/sa/b")
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert request[0] == 0x30


def test_the_feeds_load_no_x509_library():
    code = "import sys, agents.sidecar.feeds.feeds, agents.sidecar.admin.server; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


async def test_a_certificate_of_another_key_is_refused_and_nothing_of_it_stays_open():
    anchor, _ = authority.create_anchor("test", datetime.now(UTC))
    der = authority.der(anchor)
    answer = identity_pb2.CertifyResponse(chain=[der], trust=identity_pb2.TrustBundle(anchors=[der]))

    class Answering:
        async def ask(self, *_):
            return answer

    key, request = await make_keypair("spiffe://local/ns/a/sa/b")
    identity = Identity("spiffe://local/ns/a/sa/b", Certs(), None, logging.getLogger("test"))
    before = _memories()
    with pytest.raises(ssl.SSLError):
        await identity._certify(Answering(), key, request, "")
    assert _memories() == before


def _memories():
    """Count the files in memory that this process has open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder's own
            found += "memfd:identity" in str(descriptor.readlink())
    return found
