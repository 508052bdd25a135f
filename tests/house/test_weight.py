"""What each program loads: a sidecar stays light, a command answers before it loads a screen."""

import subprocess
import sys

import pytest

from agents.launcher import commands

LOADED = "import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"


@pytest.mark.parametrize(
    ("module", "strangers"),
    [
        (
            "agents.sidecar.main",
            {"textual", "rich", "kubernetes", "cryptography", "typer", "pydantic", "prometheus_client", "yaml"},
        ),
        ("agents.launcher", {"textual", "rich", "kubernetes", "cryptography", "typer", "pydantic"}),
        ("meshcore.server", {"textual", "rich", "kubernetes", "aiohttp", "typer", "pydantic"}),
        ("meshcore.kube.session, meshcore.kube.watch", {"textual", "rich", "kubernetes", "grpc", "pydantic"}),
        ("meshtui.cli.main", {"textual", "kubernetes", "aiohttp", "cryptography", "plotext"}),
    ],
)
def test_a_program_loads_only_what_it_needs(module: str, strangers: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=module)], capture_output=True, text=True, check=True
    )
    assert not strangers & set(done.stdout.split())


def test_a_kubeconfig_is_read_without_the_models_of_all_kinds() -> None:
    code = "import sys, meshcore.kube.kubeconfig; print(*(n for n in sys.modules if '.models.' in n or '.api.' in n))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.split()


def test_a_sidecar_pays_for_no_part_of_the_library_that_it_does_not_use() -> None:
    """What asyncio, uvloop, ssl and protobuf load by themselves is there; each of these came by an import of ours."""
    start, _, _ = " ".join(commands.sidecar()).partition(" -m agents ")
    code = "import sys, agents.sidecar.main; print(*sys.modules)"
    done = subprocess.run(
        [*start.split(), "-c", code], env=commands.sidecar_environment(), capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    needless = {
        "argparse", "ctypes", "decimal", "email", "fnmatch", "google.protobuf.internal.decoder",
        "google.protobuf.json_format", "google.protobuf.text_format", "grpc", "http", "ipaddress", "logging.handlers",
        "multiprocessing", "ntpath", "pathlib", "pickle", "shutil", "site", "tempfile", "unicodedata", "urllib",
        "urllib.parse", "zipfile",
    }  # fmt: skip
    assert "google._upb._message" in loaded
    assert not needless & loaded


def test_what_its_libraries_load_and_hardly_use_waits_in_a_sidecar() -> None:
    start, _, _ = " ".join(commands.sidecar()).partition(" -m agents ")
    code = (
        "import sys, agents.__main__, agents.sidecar.main; "
        "print(*(n for n, m in sys.modules.items() if "
        "getattr(vars(m).get('__getattr__'), '__module__', '') == 'meshcore.postpone'))"
    )
    done = subprocess.run(
        [*start.split(), "-c", code], env=commands.sidecar_environment(), capture_output=True, text=True, check=True
    )
    assert {"calendar", "locale", "tokenize", "google.protobuf.internal.python_message"} <= set(done.stdout.split())
