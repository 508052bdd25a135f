"""People at a terminal: the command line with nothing but a kubeconfig, as whoever that makes them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.api.test_mesh import deployment, pods_of
from tests.cluster.support.audit import reviewed
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.people import meshtui
from tests.cluster.support.sidecar import Sidecar, workload
from tests.cluster.support.wait import until


@pytest.fixture(scope="module")
def mesh(cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with kept_if_failed(request.session, tmp_path_factory.mktemp("mesh")) as folder, running(cluster, folder) as found:
        yield found


def answered(*words: str, kubeconfig: Path) -> subprocess.CompletedProcess[str]:
    """Run a command until the cluster has an answer for it, which one that is busy may not have in time."""

    def done() -> subprocess.CompletedProcess[str] | None:
        found = meshtui(*words, kubeconfig=kubeconfig)
        return None if "does not answer" in found.stderr or "in time" in found.stderr else found

    return until(done, 120, "an answer")


def tapped(kubeconfig: Path, web: Sidecar, limit: int) -> tuple[int, str, str]:
    """Tap a workload that is asked for things meanwhile; return exit status, stdout and stderr."""
    tap = subprocess.Popen(
        [sys.executable, "-m", "meshtui", "tap", "deploy/web", "--limit", str(limit), "--duration", "60s"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: web.call("/tapped") and tap.poll() is not None, 90, "the tap's end")
    finally:
        tap.kill()
    out, err = tap.communicate()
    return tap.returncode, out, err


def test_one_namespace_is_enough_to_look_at_it(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    cluster.apply(deployment("web"), namespace=namespace)
    ann = cluster.user("ann", namespace=namespace)
    for role in ("meshtui-view", "meshtui-tap"):
        cluster.bind(role, "user:ann", namespace)
    (pod,) = pods_of(cluster, namespace, 1)
    with workload(mesh, namespace, "web", pod["metadata"]["name"]) as web:

        def success() -> bool:
            assert web.call("/a") == 200
            done = answered("stat", "deploy/web", "-o", "json", "--unmeshed", kubeconfig=ann)
            assert done.returncode == 0, done.stderr
            (row,) = json.loads(done.stdout)
            return bool(row["success"] == 1.0 and (row["rps"] or 0) > 0)

        until(success, 60, "figures of web", every=0.5)
        table = answered("stat", "deploy", kubeconfig=ann)
        assert "web" in table.stdout, table.stderr
        status, out, err = tapped(ann, web, 3)
        assert (status, out.count("/tapped")) == (0, 3), out + err
        for words, reason in (
            (["stat", "deploy", "-A"], "not allowed"),
            (["stat", "deploy", "-n", "default"], "not allowed"),
            (["tap", "deploy/wbe"], "did you mean web?"),
            (["stat", "deploy", "--context", "nope"], "nope"),
        ):
            done = answered(*words, kubeconfig=ann)
            assert done.returncode != 0
            assert reason in done.stderr, done.stderr
            assert done.stderr.count("\n") == 1
        as_bob = answered("stat", "deploy", "--as", "bob", "-n", namespace, kubeconfig=cluster.plane.admin)
        assert 'User "bob" cannot' in as_bob.stderr


VERBS = ("get", "list", "watch")
FIGURES = frozenset({"stats", "edges", "meshedpods", "meshstatus"})
REQUESTS = frozenset({"taps", "tops"})
# What each role lets people see of their namespace's mesh: Kubernetes' own by aggregation, the mesh's by themselves.
SEEN = {
    "meshtui-view": FIGURES,
    "meshtui-tap": REQUESTS,
    "view": FIGURES,
    "edit": FIGURES,
    "admin": FIGURES | REQUESTS,
}


def seen(cluster: Cluster, user: str, namespace: str) -> frozenset[str]:
    """Return what RBAC says that somebody may see of a namespace; nobody may see it of all."""

    def may(verb: str, resource: str, space: str) -> bool:
        asked = {"group": "observe.meshtui.dev", "resource": resource, "verb": verb, "namespace": space}
        spec = {"user": user, "resourceAttributes": asked}
        return bool(cluster.authorization.create_subject_access_review({"spec": spec}).status.allowed)

    found = {name for name in FIGURES | REQUESTS if all(may(verb, name, namespace) for verb in VERBS)}
    assert not [name for name in found if may("watch", name, "")], f"{user} may see all namespaces"
    return frozenset(found)


def test_each_role_shows_what_it_says(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    for role, wanted in SEEN.items():
        cluster.bind(role, f"user:by-{role}", namespace)
        until(
            lambda role=role, wanted=wanted: seen(cluster, f"by-{role}", namespace) == wanted,
            60,
            f"the rights of {role}",
        )
    cluster.apply(deployment("web"), namespace=namespace)
    (pod,) = pods_of(cluster, namespace, 1)
    viewer, owner = (cluster.user(f"by-{role}", namespace=namespace) for role in ("view", "admin"))
    with workload(mesh, namespace, "web", pod["metadata"]["name"]) as web:
        for who in (viewer, owner):
            assert "web" in until(
                lambda who=who: answered("stat", "deploy", kubeconfig=who).stdout, 60, "figures of web"
            )
        refused = answered("tap", "deploy/web", kubeconfig=viewer).stderr
        assert 'User "by-view" cannot watch resource "taps"' in refused
        assert "--clusterrole=meshtui-tap" in refused
        status, out, err = tapped(owner, web, 1)
        assert (status, out.count("/tapped")) == (0, 1), out + err


def test_groups_and_what_else_is_known_of_somebody_reach_rbac(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    cluster.apply(deployment("web"), namespace=namespace)
    cluster.bind("meshtui-view", "group:readers", namespace)

    def shown(kubeconfig: Path, *words: str) -> bool:
        done = answered("stat", "deploy", "--unmeshed", "-n", namespace, *words, kubeconfig=kubeconfig)
        assert done.returncode == 0 or "not allowed" in done.stderr, done.stderr
        return "web" in done.stdout

    member, stranger = cluster.user("gina", ["readers", "others"]), cluster.user("gina")
    until(lambda: shown(member), 60, "what the group may see")
    assert not shown(stranger)
    assert shown(cluster.plane.admin, "--as", "gus", "--as-group", "readers")
    assert not shown(cluster.plane.admin, "--as", "gus")

    team = {"mesh.example/team": ["blue", "dark green"]}
    admin = yaml.safe_load(cluster.plane.admin.read_text())["users"][0]["user"]
    said = {**admin, "as": "guy", "as-groups": ["readers"], "as-user-extra": team}
    assert shown(cluster.plane.kubeconfigs.write("guy", said))
    asked = reviewed(cluster, "guy")
    assert asked
    for each in asked:
        assert each["extra"] == team
        assert "readers" in each["groups"]
        assert each["resourceAttributes"]["group"] == "observe.meshtui.dev"
