"""Who somebody is and what they may do, by a real API server; and the mesh's table of rights against its APIs."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshcore.kube.act import Act
from meshcore.kube.events import Recorder
from meshcore.kube.lease import Election, Terms
from meshcore.kube.needs import CONTROL_PLANE, NEEDS
from meshcore.kube.objects import LEASES, MESH_GROUP, OBSERVE_GROUP, PODS
from meshcore.kube.review import Reviews, User
from meshcore.kube.session import Session, open_cluster
from tests.cluster.support.cluster import Cluster

AUDIENCE = "identity.meshtui.dev"
INSTALLED_LATER = (MESH_GROUP, OBSERVE_GROUP, "gateway.networking.k8s.io")


@pytest.fixture
async def session(cluster: Cluster) -> AsyncIterator[Session]:
    async with open_cluster(str(cluster.plane.admin), environ={}) as opened:
        yield opened


async def test_a_token_says_who_and_for_whom(cluster: Cluster, namespace: str, session: Session) -> None:
    reviews = Reviews(session)
    token = cluster.token(namespace, "web", audiences=[AUDIENCE])
    found = await reviews.token(token, [AUDIENCE])
    assert found.user is not None
    assert found.user.service_account == (namespace, "web")
    assert found.audiences == (AUDIENCE,)
    other = await reviews.token(cluster.token(namespace, "web"), [AUDIENCE])
    assert other.user is None
    assert other.reason
    head, claims, signature = token.split(".")
    forged = await reviews.token(f"{head}.{claims}.{signature[::-1]}", [AUDIENCE])
    assert forged.user is None


async def test_a_pods_token_names_the_pod(cluster: Cluster, namespace: str, session: Session) -> None:
    pod = PODS.new("web-0", namespace, spec={"containers": [{"name": "app", "image": "any:1"}]})
    cluster.apply(pod, namespace=namespace)
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "web-0"}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    spec = {"audiences": [AUDIENCE], "expirationSeconds": 600, "boundObjectRef": bound}
    made = await session.create(path, {"spec": spec})
    found = await Reviews(session).token(made["status"]["token"], [AUDIENCE])
    assert found.user is not None
    assert found.user.said("authentication.kubernetes.io/pod-name") == "web-0"


async def test_what_somebody_may_do(cluster: Cluster, namespace: str, session: Session) -> None:
    cluster.bind("view", "group:readers", namespace)
    reviews = Reviews(session)
    reader = User("jane", groups=("readers",))
    may = await reviews.access(reader, Act("list", "", "pods", namespace))
    assert may.allowed
    assert "RoleBinding" in may.reason
    assert not (await reviews.access(reader, Act("list", "", "pods"))).allowed
    assert not (await reviews.access(reader, Act("get", "", "pods", namespace, "a", "exec"))).allowed
    assert not (await reviews.access(User("jane"), Act("list", "", "pods", namespace))).allowed
    async with open_cluster(str(cluster.plane.admin), as_user="jane", as_groups=["readers"], environ={}) as hers:
        mine = await Reviews(hers).all_mine([Act("get", "", "pods", namespace), Act("delete", "", "pods", namespace)])
    assert [each.allowed for each in mine.values()] == [True, False]


async def test_what_is_told_is_seen_by_kubectl(cluster: Cluster, namespace: str, session: Session) -> None:
    cluster.apply(
        PODS.new("web-0", namespace, spec={"containers": [{"name": "a", "image": "a:1"}]}), namespace=namespace
    )
    pod = await session.get(PODS.path(namespace, "web-0"))
    recorder = Recorder(session, "meshtui.dev/injector")
    task = asyncio.create_task(recorder.run())
    try:
        async with asyncio.timeout(60):
            for count in (1, 2, 3):
                recorder.record(pod, "InjectionSkipped", f"the pod uses the host's network ({count})", warning=True)
                while recorder.written < count and not recorder.failed:
                    await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert recorder.failed == 0
    said = cluster.kubectl("describe", "pod", "web-0", "-n", namespace)
    assert "InjectionSkipped" in said
    assert "(x3 over" in said
    assert "the host's network (1)" in said


async def test_two_candidates_one_leader(cluster: Cluster, namespace: str, session: Session) -> None:
    terms = Terms(duration=3.0, renew_within=2.0, every=0.3)
    told: list[tuple[str, bool]] = []

    def candidate(name: str) -> Election:
        def note(leading: bool) -> None:
            told.append((name, leading))

        return Election(session, namespace, "leader", name, terms=terms, on_change=note)

    first, second = candidate("a"), candidate("b")
    running = asyncio.create_task(first.run())
    async with asyncio.timeout(60):
        await first.leading.wait()
        waiting = asyncio.create_task(second.run())
        await asyncio.sleep(4.0)  # longer than the lease lasts: it is renewed
        assert not second.leading.is_set()
        assert second.holder == "a"
        began = time.monotonic()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await second.leading.wait()
        assert time.monotonic() - began < terms.duration  # handed over, not run out
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert told == [("a", True), ("a", False), ("b", True), ("b", False)]
    lease = cluster.get(LEASES.path(namespace, "leader"))
    assert lease["spec"]["leaseTransitions"] == 1


async def test_each_right_is_of_a_resource_that_exists_and_knows_the_verb(session: Session) -> None:
    known: dict[tuple[str, str], set[str]] = {}
    groups = (await session.get("/apis"))["groups"]
    roots = ["/api/v1", *(f"/apis/{version['groupVersion']}" for group in groups for version in group["versions"])]
    for root in roots:
        group = root.split("/")[2] if root.startswith("/apis/") else ""
        for resource in (await session.get(root))["resources"]:
            known.setdefault((group, resource["name"]), set()).update(resource["verbs"])
    for need in NEEDS:
        if need.group not in INSTALLED_LATER:
            assert set(need.verbs) <= known.get((need.group, need.resource), set()), need


async def test_the_rights_as_rbac_grants_them_are_enough_and_no_more(cluster: Cluster, namespace: str) -> None:
    """Roles made from the table, given to an account: each need is allowed, its neighbours are not."""

    def rules(scope: str) -> list[dict[str, Any]]:
        return [
            {
                "apiGroups": [need.group],
                "resources": [need.resource],
                "verbs": list(need.verbs),
                **({"resourceNames": list(need.names)} if need.names else {}),
            }
            for need in NEEDS
            if need.scope == scope and need.role in CONTROL_PLANE
        ]

    api = "rbac.authorization.k8s.io/v1"
    account = {"kind": "ServiceAccount", "name": "control", "namespace": namespace}
    name = f"{namespace}-control"
    kubeconfig = cluster.account(namespace, "control")
    cluster.apply(
        {"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules("cluster")},
        {
            "apiVersion": api,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [account],
        },
    )
    for scope, place in (("mesh", namespace), ("kube-system", "kube-system")):
        cluster.apply(
            {"apiVersion": api, "kind": "Role", "metadata": {"name": name, "namespace": place}, "rules": rules(scope)},
            {
                "apiVersion": api,
                "kind": "RoleBinding",
                "metadata": {"name": name, "namespace": place},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
                "subjects": [account],
            },
            namespace=place,
        )
    wanted, unwanted = [], []
    for need in NEEDS:
        if need.role not in CONTROL_PLANE:
            continue
        place = {"mesh": namespace, "kube-system": "kube-system"}.get(need.scope, "")
        for verb in need.verbs:
            wanted += [Act(verb, need.group, need.resource, place, each) for each in need.names or ("",)]
        unwanted += [Act(verb, need.group, need.resource, place) for verb in ("delete", "deletecollection", "*")]
    unwanted += [Act("get", "", "secrets"), Act("get", "", "secrets", namespace, "other"), Act("create", "", "pods")]
    unwanted.append(Act("get", "", "secrets", "kube-system"))
    try:
        async with open_cluster(str(kubeconfig), environ={}) as session, asyncio.timeout(60):
            while True:
                reviews = Reviews(session)
                said = await reviews.all_mine(list(dict.fromkeys(wanted)))
                if all(each.allowed for each in said.values()):
                    break
                await asyncio.sleep(0.3)  # the authorizer learns of roles by watches of its own
            denied = await reviews.all_mine(list(dict.fromkeys(unwanted)))
        assert [str(act) for act, each in denied.items() if each.allowed] == []
    finally:
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", name)
        cluster.kubectl("delete", "role,rolebinding", name, "-n", "kube-system")
