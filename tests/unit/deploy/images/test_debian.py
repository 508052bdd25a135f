from pathlib import Path

import pytest

from deploy.images import debian

STANZA = """\
Types: deb
# a mirror nearby
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
"""
OTHERS = """\
Types: deb
URIs: http://vendor.example
Suites: nodistro
Components: main

Types: deb-src
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
"""
LINE = "deb [signed-by=/keys/one.gpg] http://mirror.example/debian bookworm main contrib"


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(debian, "APT", tmp_path)
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_a_machine_without_sources_of_the_suite_names_no_mirror(apt: Path) -> None:
    (apt / "sources.list").write_text("deb http://mirror.example/debian trixie main\n# nothing\n")
    assert list(debian.mirrors()) == []


def test_stanzas_of_the_suite_are_taken_as_they_are(apt: Path) -> None:
    (apt / "sources.list.d/debian.sources").write_text(f"{STANZA}\n{OTHERS}")
    assert list(debian.mirrors()) == [(".sources", STANZA)]


def test_lines_of_the_suite_are_taken_as_they_are(apt: Path) -> None:
    (apt / "sources.list").write_text(f"{LINE}\ndeb http://vendor.example bookworm stable\n")
    assert list(debian.mirrors()) == [(".list", f"{LINE}\n")]
