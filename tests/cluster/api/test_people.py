"""People at a terminal: the command line with nothing but a kubeconfig, as whoever that makes them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.cluster.api.test_mesh import deployment, pods_of
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.people import meshtui
from tests.cluster.support.sidecar import workload
from tests.cluster.support.wait import until


@pytest.fixture(scope="module")
def mesh(cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with kept_if_failed(request.session, tmp_path_factory.mktemp("mesh")) as folder, running(cluster, folder) as found:
        yield found


def test_one_namespace_is_enough_to_look_at_it(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    cluster.apply(deployment("web"), namespace=namespace)
    ann = cluster.user("ann", namespace=namespace)
    for role in ("meshtui-view", "meshtui-tap"):
        cluster.bind(role, "user:ann", namespace)
    (pod,) = pods_of(cluster, namespace, 1)
    with workload(mesh, namespace, "web", pod["metadata"]["name"]) as web:

        def success() -> bool:
            assert web.call("/a") == 200
            done = meshtui("stat", "deploy/web", "-o", "json", "--unmeshed", kubeconfig=ann)
            assert done.returncode == 0, done.stderr
            (row,) = json.loads(done.stdout)
            return bool(row["success"] == 1.0 and row["rps"] > 0)

        until(success, 20, "figures of web", every=0.5)
        table = meshtui("stat", "deploy", kubeconfig=ann)
        assert "web" in table.stdout, table.stderr
        tap = subprocess.Popen(
            [sys.executable, "-m", "meshtui", "tap", "deploy/web", "--limit", "3", "--duration", "20s"],
            env={**os.environ, "KUBECONFIG": str(ann)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until(lambda: web.call("/tapped") and tap.poll() is not None, 30, "three requests tapped")
        out, err = tap.communicate()
        assert (tap.returncode, out.count("/tapped")) == (0, 3), out + err
        for words, reason in (
            (["stat", "deploy", "-A"], "not allowed"),
            (["stat", "deploy", "-n", "default"], "not allowed"),
            (["tap", "deploy/wbe"], "did you mean web?"),
            (["stat", "deploy", "--context", "nope"], "nope"),
        ):
            done = meshtui(*words, kubeconfig=ann)
            assert done.returncode != 0
            assert reason in done.stderr, done.stderr
            assert done.stderr.count("\n") == 1
        as_bob = meshtui("stat", "deploy", "--as", "bob", "-n", namespace, kubeconfig=cluster.plane.admin)
        assert 'User "bob" cannot' in as_bob.stderr
