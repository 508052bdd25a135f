"""Where the demo's mesh.yaml is: in the repository, or beside an installed meshtui.

Called by main for `demo`. The demo itself imports nothing of ours and is only ever started as processes.
"""

from importlib import metadata
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2] / "deploy" / "demo" / "mesh.yaml"
INSTALLED = "share/meshtui/demo/mesh.yaml"


def demo_file() -> Path | None:
    """Return the demo's mesh.yaml, or None where it was not installed."""
    if REPOSITORY.is_file():
        return REPOSITORY
    try:
        files = metadata.distribution("meshtui").files or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.as_posix().endswith(INSTALLED):
            return Path(str(file.locate())).resolve()
    return None


def demo_settings(rate: float | None) -> tuple[tuple[str, str, str], ...]:
    """Return what the command line changes about the demo's environment."""
    return (("vote-bot", "REQUEST_RATE", f"{rate:g}"),) if rate is not None else ()
