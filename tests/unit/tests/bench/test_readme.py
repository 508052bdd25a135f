"""The README's figures come from a result that is kept, and from nowhere else."""

import json

import pytest

from tests.bench.readme import BEGIN, END, PUBLISHED, README, publish, replace, section


def test_the_readme_says_what_was_measured():
    assert section(json.loads(PUBLISHED.read_text())) in README.read_text()


def test_what_a_run_did_not_measure_stays(monkeypatch, tmp_path):
    monkeypatch.setattr("tests.bench.readme.README", tmp_path / "README.md")
    monkeypatch.setattr("tests.bench.readme.PUBLISHED", tmp_path / "published.json")
    before = json.loads(PUBLISHED.read_text())
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n")
    (tmp_path / "published.json").write_text(json.dumps(before))
    late = {"p50": 0.1, "p99": 0.2, "max": 0.3}
    row = {"name": "spread", "joined_s": 9, "changes": 400, "told": 8000, "lost": 0, "late_s": late, "ours_s": late}
    measured = {"rows": [row | {"cores": 0.3, "peak": 0.5, "mib": 244.0}], "pods": 5000, "watchers": 1000}
    publish({"cluster": measured | {"date": "2026-11-25", "machine": before["machine"]}})
    kept = json.loads((tmp_path / "published.json").read_text())
    assert kept["rows"] == before["rows"]
    text = (tmp_path / "README.md").read_text()
    assert text == section(kept) + "\n"
    assert "spread" in text
    assert "5,000 pods and 1,000 watchers" in text


def test_only_what_is_between_the_markers_changes():
    assert replace(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new") == "before\nnew\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, END + BEGIN, BEGIN + END + BEGIN + END])
def test_a_readme_without_one_place_for_it_is_left_alone(text):
    with pytest.raises(ValueError, match="needs one line"):
        replace(text, "new")
