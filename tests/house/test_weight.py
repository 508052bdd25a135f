"""What each program loads: a sidecar stays light, a command answers before it loads a screen."""

import subprocess
import sys

import pytest

LOADED = "import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"


@pytest.mark.parametrize(
    ("module", "strangers"),
    [
        (
            "agents.sidecar.main",
            {"textual", "rich", "kubernetes", "cryptography", "typer", "pydantic", "prometheus_client", "yaml"},
        ),
        ("agents.launcher", {"textual", "rich", "kubernetes", "cryptography", "typer", "pydantic"}),
        ("meshcore.server", {"textual", "rich", "kubernetes", "typer", "pydantic"}),
        ("meshtui.cli.main", {"textual", "kubernetes", "cryptography", "plotext"}),
    ],
)
def test_a_program_loads_only_what_it_needs(module: str, strangers: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=module)], capture_output=True, text=True, check=True
    )
    assert not strangers & set(done.stdout.split())
