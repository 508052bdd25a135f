"""Which mesh is meant: the flags of a kubeconfig wherever they stand, a mesh's name, or what is there."""

import asyncio
from pathlib import Path

import pytest

from meshcore.client.failure import ClientError
from meshcore.client.place import Place, PlaceError
from meshtui.cli import where
from meshtui.cli.fault import Fault
from meshtui.sources.kubeconfig import Kubeconfig

DEMO = Place("demo", Path("/nowhere"))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No kubeconfig, no mesh."""
    monkeypatch.delenv("MESHTUI_MESH", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(where, "present", lambda: False)
    monkeypatch.setattr(where, "running", list)
    where.take([])


def cluster(monkeypatch: pytest.MonkeyPatch, answer: bool | ClientError) -> list[float]:
    asked: list[float] = []

    async def installed(_: Kubeconfig, within: float, *, patient: bool) -> bool:
        assert patient is (not where.running())
        asked.append(within)
        if isinstance(answer, ClientError):
            raise answer
        return answer

    monkeypatch.setattr(where, "present", lambda: True)
    monkeypatch.setattr(where, "installed", installed)
    return asked


def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, "running", lambda: [DEMO])
    monkeypatch.setattr(where, "find", lambda name: DEMO)


def home(mesh: str = "") -> object:
    return asyncio.run(where.home_of(mesh))


@pytest.mark.parametrize(
    ("words", "rest", "found"),
    [
        (["stat", "deploy", "--context", "prod"], ["stat", "deploy"], Kubeconfig(context="prod")),
        (["--context=prod", "stat"], ["stat"], Kubeconfig(context="prod")),
        (["--kubeconfig", "f", "--as=ann", "tap"], ["tap"], Kubeconfig(file="f", user="ann")),
        (["--as-group", "a", "--as-group=b"], [], Kubeconfig(groups=("a", "b"))),
        (["run", "--", "x", "--context", "y"], ["run", "--", "x", "--context", "y"], Kubeconfig()),
    ],
)
def test_the_flags_of_a_kubeconfig_may_stand_anywhere(words: list[str], rest: list[str], found: Kubeconfig) -> None:
    assert where.take(words) == rest
    assert found == (home() if found.given else Kubeconfig())


def test_a_flag_without_its_value_is_told() -> None:
    with pytest.raises(Fault, match="--context needs a value"):
        where.take(["stat", "--context"])


def test_a_cluster_and_a_mesh_of_this_machine_exclude_each_other() -> None:
    where.take(["--context", "prod"])
    with pytest.raises(Fault, match="--mesh is a mesh of this machine"):
        home("demo")


def test_the_kubeconfigs_cluster_comes_first_if_the_mesh_is_installed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch)
    cluster(monkeypatch, True)
    assert home() == Kubeconfig()
    assert home("demo") is DEMO


def test_else_it_is_the_mesh_that_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch)
    for answer in (False, ClientError("the cluster does not answer")):
        asked = cluster(monkeypatch, answer)
        assert home() is DEMO
        assert asked == [where.PROBE_S]


def test_neither_is_said_with_both_ways_on(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster(monkeypatch, False)
    with pytest.raises(PlaceError, match="no mesh is installed in the kubeconfig's cluster, and none runs here"):
        home()
    cluster(monkeypatch, ClientError("the API server cannot be reached", "look"))
    with pytest.raises(ClientError) as caught:
        home()
    assert "meshtui demo" in caught.value.hint


def test_a_kubeconfig_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    with pytest.raises(PlaceError, match="KUBECONFIG names no file that exists: /nowhere/config") as caught:
        home()
    assert "--kubeconfig" in caught.value.hint
    here(monkeypatch)
    assert home() is DEMO
