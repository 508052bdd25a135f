"""The trust anchor is replaced under traffic, by the commands that `meshtui identity rotate` prints.

No sidecar is restarted and no request fails; what the sidecar serves is looked at by shaking hands with it.
"""

import base64
import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509

from agents.sidecar.engine.detect import MESH_ALPN
from meshcore.inject import names
from meshcore.pki.authority import key_pem, load, new_key, utc
from tests.cluster.api.test_mesh import deployment, pods_of
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import DOMAIN, NAMESPACE, Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.people import meshtui
from tests.cluster.support.sidecar import Sidecar, workload
from tests.cluster.support.wait import until

SETTINGS = b"\x04"  # the type of the first frame that a server of HTTP/2 sends (RFC 9113, 6.5)


@pytest.fixture
def mesh(cluster: Cluster, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mesh]:
    with kept_if_failed(request.session, tmp_path / "mesh") as folder:
        folder.mkdir(exist_ok=True)
        with running(cluster, folder) as found:
            yield found


class Peer:
    """Another workload of the mesh, certified by the authority as it is when it is made."""

    def __init__(self, mesh: Mesh) -> None:
        secret = mesh.cluster.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{names.ISSUER_SECRET}")["data"]
        issuer, issuer_key = (base64.b64decode(secret[part]) for part in ("issuer.pem", "issuer.key"))
        now = utc(time.time())
        authority = load(mesh.anchors.encode(), issuer, issuer_key, now)
        key = new_key()
        leaf = authority.issue(key.public_key(), f"spiffe://{DOMAIN}/ns/peer/sa/default", now)
        self.file = mesh.folder / f"peer-{leaf.certificate.serial_number:x}.pem"
        self.file.write_bytes(leaf.pem + key_pem(key))

    def serial_of_issuer(self, sidecar: Sidecar, anchors: str) -> str:
        """Shake hands with a sidecar, trusting these anchors; return whose certificate it serves."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.set_alpn_protocols([MESH_ALPN.decode()])
        context.load_verify_locations(cadata=anchors)
        context.load_cert_chain(self.file)
        with socket.create_connection(("127.0.0.1", sidecar.port), 5) as plain, context.wrap_socket(plain) as tls:
            tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            assert tls.recv(9)[3:4] == SETTINGS, "the handshake was not taken for good"
            leaf = x509.load_der_x509_certificate(tls.getpeercert(True) or b"")
        key = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        return (key or b"").hex()


@contextmanager
def traffic(sidecar: Sidecar) -> Iterator[list[int]]:
    """Ask a workload all the time; the statuses of all answers."""
    statuses: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.02):
            statuses.append(sidecar.call())

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        thread.join(10)


def rotate(cluster: Cluster, folder: Path) -> tuple[str, str]:
    """Return what `meshtui identity rotate` prints, and the command that is next."""
    done = meshtui("identity", "rotate", "--dir", str(folder), kubeconfig=cluster.plane.admin)
    assert done.returncode == 0, done.stderr
    match = re.search(r"^Next .*?^ +kubectl (apply [^\n]+)$", done.stdout, re.MULTILINE | re.DOTALL)
    assert match is not None, done.stdout
    return done.stdout, match[1]


def events(cluster: Cluster) -> set[str]:
    found = cluster.get(f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events")["items"]
    return {each["reason"] for each in found if each["regarding"]["kind"] == "Deployment"}


@pytest.mark.timeout(240)
def test_an_anchor_is_replaced_under_traffic(cluster: Cluster, mesh: Mesh, namespace: str, tmp_path: Path) -> None:
    cluster.apply(deployment("web"), namespace=namespace)
    (pod,) = pods_of(cluster, namespace, 1)
    files = tmp_path / "rotation"
    old = mesh.anchors
    with workload(mesh, namespace, "web", pod["metadata"]["name"]) as web, traffic(web) as statuses:
        pid, before = web.process.pid, Peer(mesh)
        first = before.serial_of_issuer(web, old)

        said, command = rotate(cluster, files)
        assert "Next  1." in said
        assert {path.stat().st_mode & 0o777 for path in files.iterdir()} == {0o600}
        cluster.kubectl(*command.split())
        assert mesh.anchors.count("BEGIN CERTIFICATE") == 2
        until(lambda: "Next  2." in rotate(cluster, files)[0], 20, "both anchors")
        until(lambda: "trust bundle changed: 2 anchors" in web.log.read_text(), 20, "both anchors at the sidecar")

        said, command = rotate(cluster, files)
        assert "Done  1." in said
        assert "Next  2." in said
        assert "is not connected" not in said
        cluster.kubectl(*command.split())
        until(lambda: "IssuerUpdated" in events(cluster), 20, "an event of the new issuer")

        def renewed() -> bool:
            return before.serial_of_issuer(web, mesh.anchors) != first

        until(renewed, 60, "a certificate of the new issuer", every=0.5)
        until(lambda: "still has a certificate" not in rotate(cluster, files)[0], 20, "all renewed", every=1)
        after = Peer(mesh)

        said, command = rotate(cluster, files)
        assert "Next  3." in said
        cluster.kubectl(*command.split())
        until(lambda: mesh.anchors.count("BEGIN CERTIFICATE") == 1, 10, "one anchor")
        assert mesh.anchors not in old

        def old_refused() -> bool:
            try:
                before.serial_of_issuer(web, mesh.anchors)
            except (OSError, AssertionError):
                return True
            return False

        until(old_refused, 20, "the old anchor to be trusted no more", every=0.5)
        assert after.serial_of_issuer(web, mesh.anchors) != first
        assert web.process.pid == pid
        assert web.process.poll() is None
        count = len(statuses)
        until(lambda: len(statuses) > count + 20, 10, "traffic after all that")
    assert set(statuses) == {200}
    done = meshtui("identity", "rotate", "--dir", str(files), kubeconfig=cluster.plane.admin)
    assert (done.returncode, done.stdout) == (0, "")
    assert "is complete" in done.stderr


def test_a_pod_tells_what_it_serves(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    cluster.apply(deployment("web"), namespace=namespace)
    (pod,) = pods_of(cluster, namespace, 1)
    name = pod["metadata"]["name"]
    with workload(mesh, namespace, "web", name):

        def told() -> subprocess.CompletedProcess[str] | None:
            words = ("identity", f"pod/{name}", "-n", namespace, "-o", "json")
            done = meshtui(*words, kubeconfig=cluster.plane.admin)
            assert done.returncode == 0, done.stderr
            return done if json.loads(done.stdout)[0]["serial"] else None

        (said,) = json.loads(until(told, 20, "a serial number", every=0.5).stdout)
        assert said["not_after_ms"] - said["not_before_ms"] > 20 * 3600 * 1000
        assert said["connected"] is True
        secret = cluster.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{names.ISSUER_SECRET}")["data"]
        issuer = x509.load_pem_x509_certificate(base64.b64decode(secret["issuer.pem"]))
        assert said["issuer_serial"] == f"{issuer.serial_number:x}"


def test_a_bad_issuer_is_skipped_and_told(cluster: Cluster, mesh: Mesh) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/{names.ISSUER_SECRET}"
    good = cluster.get(path)["data"]
    for data, word in (
        ({"issuer.pem": base64.b64encode(b"no certificate").decode()}, "IssuerUpdateSkipped"),
        (good, ""),
    ):
        cluster.kubectl("patch", "secret", names.ISSUER_SECRET, "-n", NAMESPACE, "-p", json.dumps({"data": data}))
        if word:
            until(lambda word=word: word in events(cluster), 20, f"an event {word}")
    assert mesh.admin("/ready")[0] == 200
