from pathlib import Path

import pytest

from agents.launcher.logs import files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("shop.web-0", "shop.web-1", "shop.web-0.proxy", "shop.vote-bot-0", "bank.web-0", "shop.web-x-0"):
        (tmp_path / f"{name}.log").write_text("")
    (tmp_path / "control.log").write_text("")
    return tmp_path


def names(folder: Path, name: str, namespace: str = "", *, proxy: bool = False) -> list[str]:
    return [path.name for _, path in files(folder, name, namespace, proxy=proxy)]


def test_a_workload_is_all_of_its_pods(folder: Path) -> None:
    assert names(folder, "web", "shop") == ["shop.web-0.log", "shop.web-1.log"]
    assert names(folder, "deploy/web", "shop") == ["shop.web-0.log", "shop.web-1.log"]
    assert names(folder, "vote-bot") == ["shop.vote-bot-0.log"]


def test_a_pod_is_itself(folder: Path) -> None:
    assert names(folder, "web-1") == ["shop.web-1.log"]
    assert names(folder, "po/web-0", "bank", proxy=True) == ["bank.web-0.proxy.log"]


def test_the_mesh_s_own(folder: Path) -> None:
    assert names(folder, "control-plane") == ["control.log"]
    assert names(folder, "launcher") == ["launcher.log"]


@pytest.mark.parametrize(
    ("name", "namespace", "message"),
    [
        ("wbe", "shop", "nothing called wbe has a log in namespace shop; did you mean web?"),
        ("zzz", "bank", "nothing called zzz has a log in namespace bank; there are: web, control-plane, launcher"),
        ("web-0", "", "web-0 is in several namespaces: bank, shop; say which with -n"),
        ("svc/web", "", "logs are of a workload or a pod, not of 'svc'"),
    ],
)
def test_what_has_no_log(folder: Path, name: str, namespace: str, message: str) -> None:
    with pytest.raises(LookupError) as caught:
        files(folder, name, namespace, proxy=False)
    assert caught.value.args[0] == message
