"""The benchmark runs: real sidecars under wrk and under our own generator, and nothing is answered wrongly.

What it measures here is of no interest: a second says little, on a machine that does other things.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import need

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(220)
@pytest.mark.parametrize("rows", ["http1,tap", "stream-mtls,websocket-mtls,tcp-mtls"])
def test_rows(rows: str, tmp_path: Path) -> None:
    need("wrk", "wrk")
    file = tmp_path / "result.json"
    command = [
        sys.executable,
        "-m",
        "tests.bench",
        "--rows",
        rows,
        "--peers",
        "none",
        "--rounds",
        "1",
        "--seconds",
        "1",
    ]
    done = subprocess.run(
        [*command, "--json", str(file)], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(file.read_text())
    assert [row["name"] for row in result["rows"]] == rows.split(",")
    for row in result["rows"]:
        for name, found in row["proxies"].items():
            assert found["cpu_us"] > 0, name
            assert found["errors"] == 0, name
            assert found["p50_ms"] > 0, name  # at the fixed rate
            assert "added_p999_ms" in found, name
    assert result["rows"][0]["name"] in done.stdout
