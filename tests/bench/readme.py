"""The README's bench section, written from a result: nobody types a figure there by hand.

`make bench-readme JSON=FILE` calls it, and keeps the result beside this file, so that a test can hold the two together.
"""

import json
from pathlib import Path
from textwrap import fill
from typing import Any

from tests.bench import cluster
from tests.bench.machine import describe
from tests.bench.table import render

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PUBLISHED = Path(__file__).with_name("published.json")
BEGIN, END = "<!-- bench: written by `make bench-readme` -->", "<!-- /bench -->"


def section(result: dict[str, Any]) -> str:
    """Return what stands between the markers, markers included."""
    parts = [f"```text\n{render(result['rows'])}\n```", fill(describe(result), 110)]
    if of_cluster := result.get("cluster"):
        parts += [f"```text\n{cluster.render(of_cluster['rows'])}\n```", fill(cluster.describe(of_cluster), 110)]
    return "\n".join((BEGIN, "\n\n".join(parts), END))


def replace(text: str, made: str) -> str:
    """Return a README with its section replaced; raises ValueError if it has not just one place for it."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"the README needs one line {BEGIN!r}, and after it one {END!r}")
    return text[: text.index(BEGIN)] + made + text[text.index(END) + len(END) :]


def publish(result: dict[str, Any]) -> None:
    """Write a result into the README, and keep it; of what it did not measure, the last figures stay."""
    result = json.loads(PUBLISHED.read_text()) | result
    README.write_text(replace(README.read_text(), section(result)))
    PUBLISHED.write_text(json.dumps(result, indent=1) + "\n")
