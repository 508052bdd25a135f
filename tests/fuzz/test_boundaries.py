"""Every message of the corpus, cut at each of its boundaries: the same comes out of it as in one piece."""

import pytest

from tests.fuzz import properties
from tests.fuzz.seeds import seeds

NAMES = ["requests", "responses", "heads", "detection", "frames_to_server", "frames_to_client"]


@pytest.mark.parametrize("name", NAMES)
def test_every_boundary(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(properties, "SHORT", 4000)
    for seed in seeds(name):
        getattr(properties, name)(seed)
