"""`meshtui inject FILE | kubectl apply -f -` with the settings of the cluster, against a real API server."""

from pathlib import Path

import yaml

from meshcore.inject.names import ANCHORS_MAP, CONFIG_MAP, PROXY
from tests.cluster.api.test_install import printed
from tests.cluster.support.people import meshtui
from tests.cluster.support.cluster import Cluster

WEB = """# stays
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: web:1
"""


def test_what_is_injected_applies_cleanly(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    admin = cluster.plane.admin
    here = ["--mesh-namespace", namespace]
    mesh = yaml.safe_load_all(printed(meshtui("install", *here, "--ignore-cluster", kubeconfig=admin)))
    for each in mesh:
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] in (CONFIG_MAP, ANCHORS_MAP):
            cluster.apply(each, namespace=namespace)
    file = tmp_path / "web.yml"
    file.write_text(WEB)
    done = meshtui("inject", str(file), *here, kubeconfig=admin)
    text = printed(done)
    assert done.stderr == "deployment/web: injected\n"
    assert text.startswith("# stays\n")
    assert PROXY in text
    said = cluster.kubectl("apply", "--dry-run=server", "-n", namespace, "-f", "-", stdin=text)
    assert said.strip() == "deployment.apps/web created (server dry run)"
