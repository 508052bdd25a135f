"""The project's own images, built from this checkout for the pods of a test run."""

from pathlib import Path

from deploy.images.build import PREFIX, build, version
from tests.support.tools import need

NAMES = ("agents", "controller", "demo")
AGENTS, CONTROLLER, DEMO = (f"{PREFIX}{name}:{version()}" for name in NAMES)


def build_ours(into: Path) -> list[Path]:
    """Build them all, or skip the test where the machine has not what it takes."""
    need("mmdebstrap", "mmdebstrap")
    need("python3.11", "python3.11")
    return [build(name, into) for name in NAMES]
