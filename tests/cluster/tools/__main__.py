"""`make cluster-tools`: builds what the cluster tiers need into the cache; one line per step, none if all is there."""

import sys
import time
from collections.abc import Iterator

from deploy.images.debian import DebianError
from tests.cluster.tools import images, programs
from tests.cluster.tools.store import IMAGES, PROGRAMS


def main() -> int:
    """Build what is missing; returns the exit status."""
    try:
        with PROGRAMS.building() as into:
            if into is not None:
                _say(programs.build(into))
        with IMAGES.building() as into:
            if into is not None:
                _say(images.build(PROGRAMS.folder, into))
    except (programs.BuildError, DebianError) as error:
        print(f"cluster-tools: {error}", file=sys.stderr)
        return 1
    return 0


def _say(steps: Iterator[str]) -> None:
    before = time.monotonic()
    for step in steps:
        print(f"cluster-tools: {step}", flush=True)
    print(f"cluster-tools: done in {time.monotonic() - before:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
