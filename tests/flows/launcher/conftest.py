"""A runtime folder of its own for each test, and whatever still runs at its end."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.launcher.launch import Launch


@pytest.fixture
def launch() -> Iterator[Launch]:
    # A socket's path has little room: pytest's own folders are too deep.
    home = Path(tempfile.mkdtemp(prefix="mt-", dir="/tmp"))
    launch = Launch(home)
    try:
        yield launch
    finally:
        launch.clear()
        shutil.rmtree(home, ignore_errors=True)
