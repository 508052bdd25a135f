"""Which Kubernetes an API server is, and what that means for what may be asked of it. Pure."""

import re

from meshcore.kube.objects import Object

PATH = "/version"
SLEEP = (1, 30)  # the first whose containers can be told to sleep before their end (KEP-3960)

Version = tuple[int, int]


def version_of(found: Object) -> Version | None:
    """Return major and minor of what /version says; None: it calls itself something else."""
    match = re.match(r"v?(\d+)\.(\d+)", str(found.get("gitVersion") or ""))
    return (int(match[1]), int(match[2])) if match is not None else None
