"""What deploy/ grants is what meshcore/kube/needs.py asks for: nothing is missing, nothing is given on top."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from meshcore.kube.needs import CONTROL_PLANE, NEEDS, SCOPED

BASE = Path(__file__).resolve().parents[2] / "deploy" / "base"
Right = tuple[str, str, str, str, str]  # scope, group, resource, verb, name


def documents(file: str, folder: Path = BASE) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all((folder / file).read_text()) if each]


def granted(role: dict[str, Any], scope: str) -> Iterator[Right]:
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or [""]:
                        yield scope, group, resource, verb, name


def needed(roles: tuple[str, ...], *scopes: str) -> set[Right]:
    return {
        (need.scope, need.group, need.resource, verb, name)
        for need in NEEDS
        if need.role in roles and need.scope in scopes
        for verb in need.verbs
        for name in need.names or ("",)
    }


def test_the_control_plane_is_granted_what_its_code_asks_for() -> None:
    roles = {(each["kind"], each["metadata"]["name"]): each for each in documents("rbac.yaml")}
    cluster = list(granted(roles["ClusterRole", "meshtui-controller"], "cluster"))
    own = list(granted(roles["Role", "meshtui-controller"], "mesh"))
    assert set(cluster) | set(own) == needed(CONTROL_PLANE, "cluster", "mesh")
    assert len(cluster) + len(own) == len(set(cluster) | set(own)), "a right is granted twice"


def test_people_are_granted_what_the_screens_ask_for() -> None:
    for each in documents("people.yaml"):
        role = each["metadata"]["name"].removeprefix("meshtui-")
        assert set(granted(each, "namespace")) == needed((role,), "namespace")
        aggregated = [label for label in each["metadata"]["labels"] if "aggregate-to" in label]
        assert aggregated


def test_what_the_api_server_says_of_its_front_proxy_is_read_by_its_own_role() -> None:
    (binding,) = (each for each in documents("rbac.yaml") if each["metadata"].get("namespace") == "kube-system")
    assert binding["roleRef"]["name"] == "extension-apiserver-authentication-reader"
    assert {need.names for need in NEEDS if need.scope == "kube-system"} == {("extension-apiserver-authentication",)}


def test_a_mesh_of_one_namespace_is_granted_nothing_beyond_it() -> None:
    roles = [each for each in documents("rbac.yaml", BASE.parent / "namespaced") if "rules" in each]
    assert [each["kind"] for each in roles] == ["Role"]
    assert set(granted(roles[0], "mesh")) == {
        ("mesh", need.group, need.resource, verb, name)
        for need in SCOPED
        for verb in need.verbs
        for name in need.names or ("",)
    }
