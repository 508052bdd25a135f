"""The mesh's rights are few, each once, and no more than what is asked for."""

from collections import Counter

from meshcore.kube.act import Act
from meshcore.kube.needs import CONTROL_PLANE, NEEDS, PEOPLE, need_for
from meshcore.kube.objects import LEASES, PODS, SECRETS, SERVICES
from tests.support.apiserver import api_server, asking


def test_each_right_is_listed_once() -> None:
    rights = Counter(
        (need.role, need.group, need.resource, verb, name)
        for need in NEEDS
        for verb in need.verbs
        for name in need.names or ("*",)
    )
    assert [right for right, times in rights.items() if times > 1] == []
    assert {need.role for need in NEEDS} == {*CONTROL_PLANE, *PEOPLE}


def test_nothing_is_granted_by_wildcard_and_secrets_only_by_name() -> None:
    for need in NEEDS:
        assert "*" not in (need.group, need.resource, *need.verbs)
        if need.resource == "secrets":
            assert need.scope == "mesh"
            assert need.names or need.verbs == ("create",)


def test_an_act_is_within_a_need_or_not() -> None:
    assert need_for(Act("watch", "", "pods"), ("discovery",), "mesh")
    assert need_for(Act("watch", "", "pods", "shop"), ("discovery",), "mesh")
    assert not need_for(Act("delete", "", "pods", "shop", "a"), ("discovery",), "mesh")
    assert not need_for(Act("watch", "", "pods"), ("identity",), "mesh")
    lease = Act("update", LEASES.group, "leases", "mesh", "meshtui-control-plane")
    assert need_for(lease, ("leader",), "mesh")
    assert not need_for(lease, ("leader",), "other")
    assert not need_for(Act("update", LEASES.group, "leases", "mesh", "another"), ("leader",), "mesh")
    assert not need_for(Act("get", "", "secrets", "mesh", "other"), CONTROL_PLANE, "mesh")


async def test_the_tests_api_server_holds_a_role_to_it() -> None:
    async with api_server() as server, asking(server) as session:
        server.roles = ("discovery",)
        await session.get(PODS.path())
        await session.get(SERVICES.path(), {"limit": 5})
        refused = await session.ask("GET", "/version")  # names no resource
        assert refused.status == 200
        assert {need.resource for need in server.served} == {"pods", "services"}
        server.reviews = {}
        try:
            await session.get(SECRETS.path("meshtui", "issuer"))
        except Exception as error:  # noqa: BLE001
            assert 'cannot get resource "secrets" in API group "" in the namespace "meshtui"' in str(error)
        else:
            raise AssertionError("a secret was given away")
