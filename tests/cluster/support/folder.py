"""The folder of a running cluster: removed at the end, but for the logs of a run in which something failed."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def kept_if_failed(session: pytest.Session, folder: Path) -> Iterator[Path]:
    """Give the folder; afterwards, keep its logs if a test failed or the cluster did not start."""
    before = session.testsfailed
    started = False
    try:
        yield folder
        started = True
    finally:
        kept = not started or session.testsfailed > before
        for path in folder.iterdir():
            if not path.is_dir():
                path.unlink()
            elif not (kept and path.name == "logs"):
                shutil.rmtree(path)
        if kept:
            print(f"\nlogs of the cluster: {folder}/logs", file=sys.stderr)
