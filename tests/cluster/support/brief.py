"""A control plane whose watches the API server ends after seconds, not minutes: each has to be taken up many times.

`python -m tests.cluster.support.brief SECONDS ARGUMENT…` runs one so.
"""

import runpy
import sys

from meshcore.kube import watch


def main(seconds: str, *arguments: str) -> None:
    watch.WATCH_S = int(seconds)
    sys.argv = ["meshcore", *arguments]
    runpy.run_module("meshcore", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
