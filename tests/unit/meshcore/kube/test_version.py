"""What an API server calls itself."""

import pytest

from meshcore.kube.version import version_of


@pytest.mark.parametrize(
    ("said", "expected"),
    [("v1.34.1", (1, 34)), ("v1.30.0-gke.1", (1, 30)), ("1.29+", (1, 29)), ("", None), ("main", None), (None, None)],
)
def test_versions(said: str | None, expected: tuple[int, int] | None) -> None:
    assert version_of({"gitVersion": said}) == expected
