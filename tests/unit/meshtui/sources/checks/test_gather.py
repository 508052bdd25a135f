"""What is found out about a cluster, and what is said where it cannot be: a fake API server refuses, flaps, lies."""

import json
from typing import Any

import pytest
from aiohttp import web

from meshcore.kube.needs import OBSERVE, SCOPED
from meshcore.kube.objects import API_SERVICES, CONFIG_MAPS, DEPLOYMENTS, PODS, ROLES, SELF_ACCESS_REVIEWS
from meshcore.kube.session import Session
from meshcore.wire import observe
from meshcore.wire.control_pb2 import CheckCategory, CheckItem, CheckResult, HelloResponse
from meshtui.sources.checks.gather import SELF, VERSION, gather
from meshtui.sources.checks.rooms import MESH, PRE, categories, waiting
from tests.support.apiserver import ApiServer, api_server, asking, refusal


def answering(server: ApiServer, version: str = "v1.33.0") -> None:
    server.objects[VERSION] = {"gitVersion": version}
    server.reviews[SELF.path()] = lambda spec: {"userInfo": {"username": "ann"}}


async def checked(session: Session, mode: str = MESH) -> list[CheckCategory]:
    return categories(await gather(session, mode), mode)


def item(found: list[CheckCategory], category: str, part: str = "") -> CheckItem:
    return next(each for room in found if room.name == category for each in room.checks if part in each.description)


def bad(found: list[CheckCategory]) -> list[str]:
    return [each.error for room in found for each in room.checks if each.result == CheckResult.CHECK_ERROR]


async def test_expired_credentials_are_said_once_and_nothing_else_is_asked() -> None:
    async def expired(_: web.Request) -> web.StreamResponse:
        return refusal(401, "Unauthorized", "Unauthorized")

    async with api_server() as server, asking(server) as session:
        answering(server)
        server.script(SELF.path(), expired, expired)
        found = await checked(session)
        assert [room.name for room in found] == ["kubernetes-api"]
        only = item(found, "kubernetes-api")
        assert "does not accept these credentials" in only.error
        assert "log in again" in only.hint
        assert {asked.path for asked in server.requests} == {SELF.path(), VERSION}


async def test_a_server_that_cannot_be_reached_is_one_line_with_the_next_step() -> None:
    async with api_server() as server:
        url = server.url
    gone = ApiServer(url=url)
    async with asking(gone) as session:
        found = await checked(session)
    assert [room.name for room in found] == ["kubernetes-api"]
    assert "cannot be reached" in item(found, "kubernetes-api").error
    assert "kubectl config view" in item(found, "kubernetes-api").hint


async def test_what_is_forbidden_is_not_seen_and_no_failure() -> None:
    async with api_server() as server, asking(server) as session:
        answering(server)
        server.objects[observe.ROOT] = hello()
        server.roles = ()  # may nothing
        found = await checked_with_reviews(server, session)
    hidden = item(found, "meshtui-config")
    assert hidden.result == CheckResult.CHECK_WARNING
    assert hidden.error == "not seen: needs get configmaps meshtui-config in meshtui"
    assert "an administrator" in hidden.hint
    assert bad(found) == []


async def checked_with_reviews(server: ApiServer, session: Session) -> list[CheckCategory]:
    """Ask, where reviews of oneself are allowed to everybody, as in a real cluster."""

    async def me(_: web.Request) -> web.StreamResponse:
        return web.json_response({"status": {"userInfo": {"username": "ann"}}}, status=201)

    original = server._allowed
    server._allowed = lambda request, query: request.path == SELF.path() or original(request, query)  # type: ignore[method-assign]
    return await checked(session)


def hello(version: str = "0.1.0", protocol: int = 1, oldest: int = 1) -> dict[str, Any]:
    message = HelloResponse(
        version=version, protocol=protocol, oldest_protocol=oldest, mesh="meshtui", home="kubernetes"
    )
    return {observe.HELLO_MEMBER: observe.pack(message.SerializeToString())}


@pytest.mark.parametrize(
    ("protocol", "oldest", "said"),
    [(0, 0, "is newer than the control plane"), (9, 9, "is too old for the control plane")],
)
async def test_another_protocol_is_a_failure_of_the_versions_alone(protocol: int, oldest: int, said: str) -> None:
    async with api_server() as server, asking(server) as session:
        answering(server)
        server.put(API_SERVICES.path(name=OBSERVE), spec={"service": {"namespace": "mesh-a"}})
        server.put(CONFIG_MAPS.path("mesh-a", "meshtui-trust-anchors"))
        server.objects[observe.ROOT] = hello("9.9.9", protocol, oldest)
        found = await checked(session)
    assert said in item(found, "meshtui-version", "protocol").error
    assert "upgrade" in item(found, "meshtui-version", "protocol").hint
    assert item(found, "meshtui-apiservice", "answers").result == CheckResult.CHECK_SUCCESS
    assert "mesh-a" in item(found, "meshtui-config").error  # found out from how the API server reaches it
    assert "`meshtui upgrade --mesh-namespace mesh-a | kubectl" in item(found, "meshtui-config").hint


async def test_a_mesh_of_one_namespace_is_judged_by_what_it_is() -> None:
    rules = [
        {
            "apiGroups": [need.group],
            "resources": [need.resource],
            "verbs": [*need.verbs],
            "resourceNames": [*need.names],
        }
        for need in SCOPED
        if need.resource != "endpointslices"
    ]
    async with api_server() as server, asking(server) as session:
        answering(server)
        server.put("/api/v1/namespaces/shop")
        labels = {"mesh.meshtui.dev/scope": "namespace"}
        server.put(DEPLOYMENTS.path("shop", "meshtui-controller"), metadata={"labels": labels})
        server.put(ROLES.path("shop", "meshtui-controller"), rules=rules)
        found = categories(await gather(session, MESH, namespace="shop"), MESH)
        asked = {asked.path for asked in server.requests}
    assert [room.name for room in found] == [
        "kubernetes-api", "kubernetes-version", "meshtui-config", "meshtui-existence", "meshtui-identity",
        "meshtui-port-forward", "meshtui-control-plane", "meshtui-version",
    ]  # fmt: skip
    role = item(found, "meshtui-existence", "Role meshtui-controller allows")
    assert role.error == "it lacks list endpointslices, watch endpointslices: it is another version's"
    assert "meshtui upgrade --namespaced --mesh-namespace shop" in role.hint
    assert item(found, "meshtui-port-forward").error == "no pod of it runs"
    assert not [path for path in asked if "clusterrole" in path or "webhook" in path or "kube-system" in path]


async def test_replicas_without_what_belongs_to_them_are_given_it_where_they_are() -> None:
    async with api_server() as server, asking(server) as session:
        answering(server)
        server.put(API_SERVICES.path(name=OBSERVE), spec={"service": {"namespace": "mesh-a"}})
        server.put(DEPLOYMENTS.path("mesh-a", "meshtui-controller"), spec={"replicas": 3}, status={"readyReplicas": 3})
        found = await checked(session)
    budget = item(found, "meshtui-ha", "PodDisruptionBudget")
    assert "it does not exist" in budget.error
    assert "`meshtui upgrade --mesh-namespace mesh-a --ha | kubectl apply" in budget.hint


async def test_half_an_installation_is_told_by_what_is_missing() -> None:
    async with api_server() as server, asking(server) as session:
        answering(server)
        server.put("/api/v1/namespaces/meshtui")
        server.put(CONFIG_MAPS.path("meshtui", "meshtui-config"), data={"config.yaml": "images: ["})
        found = await checked(session)
    assert "not YAML" in item(found, "meshtui-config", "can be used").error
    assert "nobody can look" in item(found, "meshtui-apiservice").error
    assert "`meshtui upgrade | kubectl" in item(found, "meshtui-existence", "ServiceAccount").hint
    assert waiting(found) is not None


async def test_where_nothing_is_left_to_keep_the_mesh_is_made_anew() -> None:
    async with api_server() as server, asking(server) as session:
        answering(server)
        server.put("/api/v1/namespaces/meshtui")
        found = await checked(session)
    assert item(found, "meshtui-config").hint == "`meshtui install | kubectl apply -f -` makes the mesh anew"


async def running(image: str, reason: str = "", conditions: list[dict[str, str]] | None = None) -> list[CheckCategory]:
    """Return the checks of a mesh that lacks all but a Deployment of that image, with a pod that waits for it."""
    async with api_server() as server, asking(server) as session:
        answering(server)
        spec = {"template": {"spec": {"containers": [{"image": image}]}}}
        status = {"conditions": conditions or []}
        server.put(DEPLOYMENTS.path("meshtui", "meshtui-controller"), spec=spec, status=status)
        if reason:
            waits = [{"state": {"waiting": {"reason": reason, "message": "no such host"}}}]
            server.put(PODS.path("meshtui", "controller-x"), status={"containerStatuses": waits})
        return await checked(session)


@pytest.mark.parametrize(
    ("image", "flags"),
    [
        ("meshtui/controller:0.0.9", ""),
        ("localhost:5000/controller:main", " --image-tag main"),
        ("localhost:5000/controller", " --image-tag latest"),
        ("meshtui/controller@sha256:0a1b", ""),
    ],
)
async def test_what_is_put_back_has_the_tag_that_somebody_chose(image: str, flags: str) -> None:
    found = await running(image)
    assert f"`meshtui upgrade{flags} | kubectl" in item(found, "meshtui-config").hint
    said = item(found, "meshtui-version", "image")
    assert bool(said.error) == image.endswith(":0.0.9")


async def test_an_image_that_does_not_come_is_put_there_or_another_named() -> None:
    said = item(await running("a/controller:main", "ErrImagePull"), "meshtui-control-plane", "pods are ready")
    assert said.error == "0 of 1 are ready: controller-x ErrImagePull no such host"
    assert "`meshtui upgrade --image-tag main --set images.controller=IMAGE | kubectl apply" in said.hint


async def test_pods_that_are_not_even_made_are_the_deployments_word() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no such account"}
    said = item(await running("a:1", conditions=[failure]), "meshtui-control-plane", "pods are ready")
    assert said.error == "0 of 1 are ready: FailedCreate: no such account"
    assert said.hint == "`kubectl describe replicasets -n meshtui` has it in full"


async def test_a_server_that_flaps_is_no_fault_of_the_mesh_but_of_the_look() -> None:
    async def away(_: web.Request) -> web.StreamResponse:
        return refusal(503, "ServiceUnavailable", "etcd has no leader")

    async with api_server() as server, asking(server) as session:
        answering(server)
        path = CONFIG_MAPS.path("meshtui", "meshtui-config")
        server.script(path, away)
        first = item(await checked(session), "meshtui-config")
        server.put(
            path,
            data={"config.yaml": "images: {agents: a:1, controller: c:1}\naddresses: {identity: i:1, control: c:1}"},
        )
        second = item(await checked(session), "meshtui-config", "can be used")
    assert "not seen: the API server" in first.error
    assert "etcd has no leader" in first.error
    assert second.result == CheckResult.CHECK_SUCCESS


async def test_before_an_install_each_missing_right_is_named() -> None:
    async with api_server() as server, asking(server) as session:
        answering(server, "v1.27.3")
        server.reviews[SELF_ACCESS_REVIEWS.path()] = lambda spec: {
            "allowed": spec["resourceAttributes"]["resource"] not in ("clusterroles", "tokenreviews")
        }
        found = await checked(session, PRE)
    assert "it is v1.27.3" in item(found, "kubernetes-version").error
    assert item(found, "pre-kubernetes-setup", "can create Deployments").result == CheckResult.CHECK_SUCCESS
    assert "create clusterroles.rbac" in item(found, "pre-kubernetes-setup", "can create ClusterRoles").error
    assert "create tokenreviews" in item(found, "pre-kubernetes-setup", "its rights").error
    assert "aggregation" in item(found, "pre-kubernetes-setup", "aggregation").description
    asked = [
        json.dumps(each.body["spec"]["resourceAttributes"], sort_keys=True)
        for each in server.asked("POST", "selfsubjectaccess")
    ]
    assert len(asked) == len(set(asked))  # each once
