from pathlib import Path

from agents.launcher.folder import exists


def test_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert exists(tmp_path)
    for name in ("none", "file", "file/below", "x" * 300, "a\0b"):
        assert not exists(tmp_path / name)
