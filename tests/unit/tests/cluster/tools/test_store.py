from pathlib import Path

import pytest

from tests.cluster.tools import store
from tests.cluster.tools.store import Store


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(store, "HOME", tmp_path / "kube")
    monkeypatch.setattr(store, "ROOT", tmp_path)
    (tmp_path / "main.go").write_text("1")
    return Store("programs", [tmp_path / "main.go"])


def build(one: Store) -> bool:
    with one.building() as into:
        if into is not None:
            (into / "kube").write_text("program")
    return into is not None


def test_what_is_built_stays_until_its_sources_change(one: Store, tmp_path: Path) -> None:
    assert build(one)
    assert not build(one)
    before = one.folder
    (tmp_path / "main.go").write_text("2")
    assert one.folder != before
    assert build(one)


def test_a_build_that_fails_leaves_nothing_to_be_found(one: Store) -> None:
    with pytest.raises(OSError, match="disk"), one.building() as into:
        assert into is not None
        (into / "half").write_text("")
        raise OSError("disk")
    assert not one.folder.exists()
    assert build(one)
    assert [path.name for path in one.folder.iterdir()] == ["kube"]


def test_few_states_are_kept(one: Store, tmp_path: Path) -> None:
    for number in range(store.KEPT + 3):
        (tmp_path / "main.go").write_text(str(number))
        assert build(one)
    states = [path for path in one.folder.parent.iterdir() if path.is_dir()]
    assert len(states) == store.KEPT
    assert one.folder in states
