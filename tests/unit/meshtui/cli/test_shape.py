"""Pods of people's files: wrong types are told with place and line, and what aliases share becomes the pod's own."""

from typing import Any

import pytest
from ruamel.yaml import YAML

from meshtui.cli.shape import ShapeError, check, unshare


@pytest.mark.parametrize(
    ("text", "told", "line"),
    [
        ("metadata: [a]\nspec: {}", "Pod.metadata is ['a'], no mapping", 0),
        (
            "metadata:\n  labels:\n    a: true\nspec: {}",
            "Pod.metadata.labels.a is True, no text: write it in quotes",
            2,
        ),
        ("metadata: {annotations: hi}\nspec: {}", "Pod.metadata.annotations is hi, no mapping", 0),
        ("spec:\n  containers: 3", "Pod.spec.containers is 3, no list", 1),
        ("spec:\n  containers: web", "Pod.spec.containers is web, no list", 1),
        ("spec:\n  initContainers:\n  - ", "Pod.spec.initContainers.0 is empty, no mapping", 2),
        ("spec: {volumes: {a: b}}", "Pod.spec.volumes is {'a': 'b'}, no list", 0),
        ("spec: {os: windows}", "Pod.spec.os is windows, no mapping", 0),
        ("spec: {resources: {limits: 5}}", "Pod.spec.resources.limits is 5, no mapping", 0),
        ("spec: {containers: [{securityContext: 5}]}", "Pod.spec.containers.0.securityContext is 5, no mapping", 0),
        ("spec: {containers: [{ports: [80]}]}", "Pod.spec.containers.0.ports.0 is 80, no mapping", 0),
        (
            "spec:\n  containers:\n  - ports:\n    - containerPort: http",
            "Pod.spec.containers.0.ports.0.containerPort is http, no number",
            3,
        ),
        ("spec: {containers: [{lifecycle: {preStop: 3}}]}", "Pod.spec.containers.0.lifecycle.preStop is 3", 0),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_its_place(text: str, told: str, line: int) -> None:
    with pytest.raises(ShapeError) as caught:
        check(YAML().load(text), ("Pod",))
    assert told in str(caught.value)
    assert caught.value.line == line


def test_what_may_be_left_out_may_be_empty() -> None:
    check(YAML().load("metadata:\nspec: {containers: [{ports: , lifecycle: }], volumes: }"), ("Pod",))


def test_only_what_is_shared_is_copied() -> None:
    document: Any = YAML().load(
        "other: &l {app: web}\npod:\n  metadata: {labels: *l}\n  spec: {containers: [{name: a}], volumes: []}"
    )
    pod = document["pod"]
    containers = pod["spec"]["containers"]
    unshare(document, [(pod, ())])
    pod["metadata"]["labels"]["more"] = "x"
    assert document["other"] == {"app": "web"}
    assert pod["spec"]["containers"] is containers


def test_a_container_that_two_pods_share_is_changed_in_one() -> None:
    document: Any = YAML().load(
        "pods:\n- spec: {containers: [&c {name: a, lifecycle: {}}]}\n- spec: {containers: [*c]}\n"
    )
    first, second = document["pods"]
    unshare(document, [(first, ()), (second, ())])
    first["spec"]["containers"][0]["lifecycle"]["preStop"] = {}
    assert second["spec"]["containers"][0]["lifecycle"] == {}


def test_two_objects_that_share_a_template_get_one_each() -> None:
    document: Any = YAML().load(
        "- spec: {template: &t {metadata: {labels: {a: b}}, spec: {containers: []}}}\n- spec: {template: *t}\n"
    )
    first, second = document
    unshare(document, [(each, ("spec", "template")) for each in document])
    first["spec"]["template"]["metadata"]["labels"]["c"] = "d"
    assert second["spec"]["template"]["metadata"]["labels"] == {"a": "b"}
