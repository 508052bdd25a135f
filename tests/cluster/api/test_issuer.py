"""Where the issuer of a cluster comes from: cert-manager writes it after the control plane has begun, or nobody does.

One installation for all of it. cert-manager is played: what it would write is, with the keys and types that it has.
"""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from meshcore.inject import names
from meshcore.pki.authority import create_anchor, create_issuer, pem, utc
from tests.cluster.api.test_mesh import deployment, pods_of
from tests.cluster.api.test_rotate import events
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import NAMESPACE, Mesh
from tests.cluster.support.people import meshtui
from tests.cluster.support.sidecar import workload
from tests.cluster.support.wait import until

WAIT_S = 120


class CertManager:
    """An authority whose issuers are written as cert-manager does for a Certificate with isCA."""

    def __init__(self, folder: Path) -> None:
        self._now = utc(time.time())
        self._anchor, self._key = create_anchor("corp", self._now)
        self.file = folder / "corp.pem"
        self.file.write_bytes(pem(self._anchor))

    def certify(self, cluster: Cluster) -> x509.Certificate:
        """Write the Secret, with a new key, and return the issuer in it."""
        issuer, key = create_issuer("corp", self._anchor, self._key, self._now)
        parts = {"tls.crt": pem(issuer), "tls.key": sec1(key), "ca.crt": pem(self._anchor)}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {
                "name": names.ISSUER_SECRET,
                "annotations": {"cert-manager.io/certificate-name": names.ISSUER_SECRET},
                "labels": {"controller.cert-manager.io/fao": "true"},
            },
            "data": {name: base64.b64encode(part).decode() for name, part in parts.items()},
        }
        cluster.apply(secret, namespace=NAMESPACE)
        return issuer


def sec1(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as cert-manager writes ECDSA keys, unless it is told otherwise."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@pytest.fixture(scope="module")
def corp(tmp_path_factory: pytest.TempPathFactory) -> CertManager:
    return CertManager(tmp_path_factory.mktemp("corp"))


@pytest.fixture(scope="module")
def mesh(
    cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, corp: CertManager
) -> Iterator[Mesh]:
    """One that was installed for cert-manager, which has not made the issuer yet; nothing runs."""
    with kept_if_failed(request.session, tmp_path_factory.mktemp("mesh")) as folder:
        found = Mesh(cluster, folder)
        try:
            found.install()
            addresses = found.settings.addresses
            done = meshtui(
                "install", "--identity-external", "--identity-anchors", str(corp.file),
                "--set", f"addresses.identity={addresses.identity}", "--set", f"addresses.control={addresses.control}",
                kubeconfig=cluster.plane.admin,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            # All else is there already, as a control plane that is no pod needs it.
            for each in yaml.safe_load_all(done.stdout):
                if each["kind"] in ("ConfigMap", "Secret"):
                    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(each))
            yield found
        finally:
            found.close()


def secret(cluster: Cluster) -> dict[str, Any] | None:
    found = cluster.get(f"/api/v1/namespaces/{NAMESPACE}/secrets")["items"]
    return next((each for each in found if each["metadata"]["name"] == names.ISSUER_SECRET), None)


def waits(mesh: Mesh, word: str) -> str:
    """Wait until it says what it waits for: alive, not ready; return what it says."""

    def said() -> str:
        assert mesh.process is not None
        assert mesh.process.poll() is None, (mesh.folder / "controller.log").read_text()[-2000:]
        status, text = mesh.admin("/ready")
        assert status != 200, "it is ready"
        return text if word in text else ""

    text = until(said, WAIT_S, f"a control plane that waits: {word}")
    assert mesh.admin("/live") == (200, "live\n")
    return text


def hint(cluster: Cluster) -> str:
    """Return what `meshtui check` has to say to who finds no issuer."""
    done = meshtui("check", "--wait", "0", "-o", "json", kubeconfig=cluster.plane.admin)
    assert done.stdout, done.stderr
    items = [item for each in json.loads(done.stdout)["categories"] for item in each["checks"]]
    (found,) = (item for item in items if item["description"] == f"Secret {names.ISSUER_SECRET} holds the issuer")
    assert found["error"] == "it does not exist"
    return str(found["hint"])


def issuer_of(cluster: Cluster, pod: str, namespace: str) -> str:
    """Return the serial number of the issuer of what a pod serves; empty: it has told of none."""
    words = ("identity", f"pod/{pod}", "-n", namespace, "-o", "json")
    done = meshtui(*words, kubeconfig=cluster.plane.admin)
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    return str(told["issuer_serial"] or "")


def test_cert_managers_issuer_is_waited_for_and_signs(
    cluster: Cluster, mesh: Mesh, corp: CertManager, namespace: str
) -> None:
    mesh.launch()
    assert "identity.external leaves it to somebody else: have cert-manager make it" in waits(mesh, "does not exist")
    assert "have cert-manager make it" in hint(cluster)
    process = mesh.process
    mesh.end()  # a rollout in the meantime: it ends when it is told to
    assert process is not None
    assert process.returncode == 0
    mesh.launch()
    waits(mesh, "does not exist")
    assert secret(cluster) is None
    reasons = [each.get("reason", "") for each in mesh.log() if "nothing can be issued yet" in each["message"]]
    assert ["have cert-manager make it" in reason for reason in reasons] == [True, True]  # once a start

    first = corp.certify(cluster)
    until(mesh.is_ready, WAIT_S, "the control plane to go on")
    until(mesh.is_reached, WAIT_S, "the API server's word that it reaches it")
    assert mesh.anchors == corp.file.read_text()
    cluster.apply(deployment("web"), namespace=namespace)
    (pod,) = pods_of(cluster, namespace, 1)
    name = pod["metadata"]["name"]
    with workload(mesh, namespace, "web", name) as web:
        assert web.call() == 200
        serial = until(lambda: issuer_of(cluster, name, namespace), WAIT_S, "the pod's certificate", every=0.5)
        assert serial == f"{first.serial_number:x}"
    corp.certify(cluster)  # cert-manager renews it, with another key
    until(lambda: "IssuerUpdated" in events(cluster), WAIT_S, "an event of the new issuer")
    rotated = meshtui("identity", "rotate", kubeconfig=cluster.plane.admin)
    assert rotated.returncode == 1
    assert "somebody else's to keep" in rotated.stderr


def test_a_lost_issuer_is_waited_for_and_put_back_or_made_anew(cluster: Cluster, mesh: Mesh, corp: CertManager) -> None:
    """The same installation, as one whose issuer nobody else keeps."""
    mesh.end()
    corp.certify(cluster)
    kept = cluster.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{names.ISSUER_SECRET}")
    mesh.configure(json.dumps({**yaml.safe_load(document(cluster)), "identity": {"external": False}}))
    cluster.kubectl("delete", "secret", names.ISSUER_SECRET, "-n", NAMESPACE)
    anchors = mesh.anchors
    mesh.launch()
    waits(mesh, "would not chain to the anchors")
    assert secret(cluster) is None
    steps = hint(cluster)
    assert "put it back from a copy" in steps

    kept["metadata"] = {"name": names.ISSUER_SECRET, "namespace": NAMESPACE}
    cluster.apply(json.dumps(kept), namespace=NAMESPACE)
    until(mesh.is_ready, WAIT_S, "the control plane with the copy")
    assert mesh.anchors == anchors

    mesh.end()
    cluster.kubectl("delete", "secret", names.ISSUER_SECRET, "-n", NAMESPACE)
    mesh.launch()
    waits(mesh, "would not chain to the anchors")
    delete = f"kubectl delete configmap {names.ANCHORS_MAP} -n {NAMESPACE}"
    assert f"`{delete}`" in steps
    cluster.kubectl(*delete.split()[1:])
    until(mesh.is_ready, WAIT_S, "the control plane with an authority of its own")
    made = secret(cluster)
    assert made is not None
    assert base64.b64decode(made["data"]["anchors.pem"]).decode() == mesh.anchors
    assert mesh.anchors != anchors


def document(cluster: Cluster) -> str:
    """Return the settings as they are."""
    found = cluster.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{names.CONFIG_MAP}")
    return str(found["data"][names.CONFIG_KEY])
