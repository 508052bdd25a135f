"""The definitions say what the structs say, and agree with the paths that the API server is asked by."""

from typing import Any

import pytest

from meshcore.kinds.crd import definitions
from meshcore.kinds.table import GATEWAY, KINDS, MESH
from meshcore.kube.objects import GRPC_ROUTES, HTTP_ROUTES, MESH_KINDS

BY_KIND = {each["spec"]["names"]["kind"]: each for each in definitions()}


def spec_of(kind: str) -> dict[str, Any]:
    (version,) = BY_KIND[kind]["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def test_there_is_one_for_each_of_our_kinds_and_its_name_is_its_path() -> None:
    for row, known in zip((*MESH, *GATEWAY), (*MESH_KINDS, HTTP_ROUTES, GRPC_ROUTES), strict=True):
        assert (row.group, row.plural, row.kind, row.versions[0]) == (
            known.group,
            known.plural,
            known.kind,
            known.version,
        )
    assert list(BY_KIND) == [row.kind for row in MESH]
    assert len({row.short for row in MESH}) == len(MESH)
    assert len({row.kind for row in KINDS}) == len(KINDS)


def test_limits_and_choices_are_the_structs_own() -> None:
    spec = spec_of("FaultInjection")
    assert spec["required"] == ["targetRef"]
    share = spec["properties"]["share"]
    assert (share["type"], share["minimum"], share["maximum"]) == ("number", 0.0, 1.0)
    target = spec["properties"]["targetRef"]["properties"]
    assert "Service" in target["kind"]["enum"]
    assert target["port"]["x-kubernetes-int-or-string"] is True


def test_what_contains_itself_ends_in_what_is_kept_unread() -> None:
    condition = spec_of("ServiceProfile")["properties"]["routes"]["items"]["properties"]["condition"]
    inner = condition["properties"]["not"]["properties"]["not"]
    assert inner["x-kubernetes-preserve-unknown-fields"] is True
    assert "properties" not in inner


@pytest.mark.parametrize("kind", list(BY_KIND))
def test_every_field_is_described_and_every_list_has_an_end(kind: str) -> None:
    def walk(schema: dict[str, Any], path: str) -> None:
        assert schema.get("type") != "array" or "maxItems" in schema, path
        for name, each in schema.get("properties", {}).items():
            assert each.get("description"), f"{path}.{name}"
            walk(each, f"{path}.{name}")
        if "items" in schema:
            walk(schema["items"], f"{path}[]")

    walk(spec_of(kind), "spec")
