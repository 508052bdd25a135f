"""One replica of the control plane, asked past the Service and as the API server would ask it: as the front proxy.

The API server asks whichever replica its connection leads to; a test that means each of them asks here.
"""

import http.client
import json
import ssl
from base64 import b64decode
from typing import Any

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.mesh import OBSERVE

PORT = 8443
ANSWER_S = 20.0
SOMEBODY = {"X-Remote-User": "admin", "X-Remote-Group": "system:masters", "Accept": "application/json"}


def ask(cluster: Cluster, pod: Any, path: str) -> dict[str, Any]:
    """Return what the replica in a pod answers an administrator; it has to."""
    service = cluster.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{OBSERVE}")["spec"]
    context = ssl.create_default_context(cadata=b64decode(service["caBundle"]).decode())
    context.check_hostname = False  # it is asked by its address, and is certified for its Service's name
    context.load_cert_chain(cluster.plane.pki / "front-proxy.crt", cluster.plane.pki / "front-proxy.key")
    asked = http.client.HTTPSConnection(pod.status.pod_ip, PORT, timeout=ANSWER_S, context=context)
    try:
        asked.request("GET", path, headers=SOMEBODY)
        answer = asked.getresponse()
        body = answer.read()
        assert answer.status == 200, f"{pod.metadata.name}: {answer.status} {body[:500]!r}"
        found: dict[str, Any] = json.loads(body)
        return found
    finally:
        asked.close()
