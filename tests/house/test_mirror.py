"""tests/unit mirrors the tree: every unit test stands where the file it tests does."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_unit_test_has_its_file() -> None:
    strays = []
    for test in sorted((ROOT / "tests/unit").rglob("test_*.py")):
        place = test.relative_to(ROOT / "tests/unit").parent
        subject = test.stem.removeprefix("test_")
        if not (ROOT / place / f"{subject}.py").exists() and not (ROOT / place / subject / "__init__.py").exists():
            strays.append(f"{test.relative_to(ROOT)}: no {place}/{subject}.py")
    assert not strays, "\n".join(strays)
