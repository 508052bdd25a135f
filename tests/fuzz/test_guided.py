"""The same properties under atheris, which is shown the code that each input reaches: for some seconds each.

FUZZ_SECONDS says for how long. It is built for Linux on x86-64 alone.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.seeds import seeds
from tests.support.tools import absent

ROOT = Path(__file__).resolve().parents[2]
SECONDS = max(1, round(float(os.environ.get("FUZZ_SECONDS", "3"))))
NAMES = ["requests", "responses", "heads", "detection", "frames_to_server", "frames_to_client"]


@pytest.mark.timeout(SECONDS + 100)
@pytest.mark.parametrize("name", NAMES)
def test_guided(name: str, tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        absent("atheris is missing: pip install atheris (Linux on x86-64)")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds(name)):
        (corpus / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={SECONDS}", "-max_len=1000", "-timeout=10", "-rss_limit_mb=1024"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", name, str(corpus), *limits, f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=SECONDS + 90, check=False,
    )  # fmt: skip
    failed = [file.read_bytes() for file in tmp_path.iterdir() if file.is_file()]
    assert done.returncode == 0, f"{failed}\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}"
    found = re.search(r"Done (\d+) runs", done.stderr)
    assert found is not None, done.stderr[-1000:]
    assert int(found[1]) > 100
    reached = re.findall(r" cov: (\d+)", done.stderr)
    assert int(reached[-1]) > 60, "the engines are not instrumented, or the seeds are refused at once"
