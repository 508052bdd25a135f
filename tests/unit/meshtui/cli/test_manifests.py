"""The manifests as they are installed: changed as told, whole, and the same as kustomize would make them."""

import copy

import pytest
import yaml

from meshcore.inject.settings import read
from meshtui.cli.fault import Fault
from meshtui.cli.manifests import adapt, changed, load, named, placed, recalled, replicated, settings_of, text


def by_kind(objects: list[dict[str, object]], kind: str) -> list[dict[str, object]]:
    return [each for each in objects if each["kind"] == kind]


def test_what_is_written_is_read_back() -> None:
    objects = load(ha=True)
    assert list(yaml.safe_load_all(text(objects))) == objects


def test_no_object_is_there_twice() -> None:
    names = [named(each) for each in load(ha=True)]
    assert len(names) == len(set(names))


def test_every_object_says_that_it_is_part_of_the_mesh() -> None:
    for each in load(ha=True):
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "meshtui", named(each)


def test_the_overlay_changes_copies_and_the_webhook_and_nothing_else() -> None:
    base, ha = load(), load(ha=True)
    differing = [named(b)[1] for a, b in zip(base, ha, strict=False) if a != b]
    assert differing == ["Deployment", "MutatingWebhookConfiguration"]
    (deployment,) = by_kind(ha, "Deployment")
    assert deployment["spec"]["replicas"] == 3  # type: ignore[index]
    assert [each["kind"] for each in ha[len(base) :]] == ["PodDisruptionBudget"]


def test_replicas_are_told_by_what_only_the_overlay_sets() -> None:
    ha = load(ha=True)
    (deployment,) = by_kind(ha, "Deployment")
    (hook,) = by_kind(ha, "MutatingWebhookConfiguration")
    (budget,) = by_kind(ha, "PodDisruptionBudget")
    assert replicated(ha)
    assert replicated([deployment])
    assert replicated([hook])
    assert not replicated([])
    assert not replicated(load())
    assert not replicated(load(namespaced=True))
    assert not replicated([*load(), budget])  # --no-ha leaves it behind


def test_replicas_are_not_told_by_a_count_that_people_change() -> None:
    base, ha = load(), load(ha=True)
    (scaled,) = by_kind(base, "Deployment")
    scaled["spec"]["replicas"] = 3  # type: ignore[index]
    assert not replicated(base)
    (single,) = by_kind(ha, "Deployment")
    single["spec"]["replicas"] = 1  # type: ignore[index]
    assert replicated([single])


def test_replicas_are_not_told_by_what_is_somebody_elses() -> None:
    (deployment,) = by_kind(load(ha=True), "Deployment")
    (hook,) = by_kind(load(ha=True), "MutatingWebhookConfiguration")
    deployment["metadata"]["name"] = hook["metadata"]["name"] = "other"  # type: ignore[index]
    assert not replicated([deployment, hook])


def test_another_namespace_is_meant_everywhere() -> None:
    settings = settings_of(load())
    moved = adapt(load(), settings, "mesh2")
    words = [
        word
        for each in moved
        for word in (each["metadata"].get("namespace"), each["metadata"]["name"] if each["kind"] == "Namespace" else "")
    ]
    assert "meshtui" not in words
    (service,) = by_kind(moved, "APIService")
    assert service["spec"]["service"]["namespace"] == "mesh2"  # type: ignore[index]
    assert adapt(load(), settings, "meshtui") != load()  # the images' settings are written out
    assert load() == load()


def test_settings_are_changed_by_their_path() -> None:
    settings = settings_of(load())
    made = changed(settings, ["proxy.cpuRequest=50m", "proxy.nativeSidecar=false", "trustDomain=example.org"])
    assert (made.proxy.cpu_request, made.proxy.native_sidecar, made.trust_domain) == ("50m", False, "example.org")
    (config,) = by_kind(adapt(load(), made, "meshtui"), "ConfigMap")
    assert read(config["data"]["config.yaml"]) == made  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("proxy.cpu=1", "no such setting; there is cpuRequest"),
        ("nothing.at.all=1", "no such setting; there is trustDomain"),
        ("proxy", "changes nothing"),
        ("proxy.opaquePorts=x", "no list of ports"),
    ],
)
def test_a_change_that_makes_no_sense_is_told(change: str, why: str) -> None:
    with pytest.raises(Fault, match=why):
        changed(settings_of(load()), [change])


def test_changing_leaves_the_loaded_objects_alone() -> None:
    objects = load()
    before = copy.deepcopy(objects)
    adapt(objects, settings_of(objects), "mesh2")
    assert objects == before


def test_what_is_lost_with_the_settings_is_read_off_the_deployment() -> None:
    objects = load()
    ours = settings_of(objects)
    theirs = placed(ours, "mesh2", "localhost:5000/mesh/", "main", "corp.example")
    theirs = changed(theirs, ["images.pullPolicy=Always"])
    (deployment,) = by_kind(adapt(objects, theirs, "mesh2"), "Deployment")
    told = recalled(ours, "mesh2", deployment)
    assert told.images.agents == "localhost:5000/mesh/meshtui/agents:0.1.0"  # its tag is for `upgrade` to say
    assert changed(told, [f"images.agents={theirs.images.agents}"]) == theirs
    assert recalled(ours, "mesh2", {}) == placed(ours, "mesh2")
