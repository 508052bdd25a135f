"""What the API server says that the mesh's control plane has asked of it, request by request: its own audit log."""

import json
from collections import Counter
from typing import Any, NamedTuple

from tests.cluster.support.cluster import Cluster


class Asked(NamedTuple):
    """How often each collection was listed, and how many watches of it the API server has begun, by its plural."""

    lists: Counter[str]
    watches: Counter[str]

    def since(self, before: "Asked") -> "Asked":
        return Asked(*(now - then for now, then in zip(self, before, strict=True)))


def asked(cluster: Cluster) -> Asked:
    """Return what was asked so far."""
    found = Asked(Counter(), Counter())
    for line in cluster.plane.audit.read_text().splitlines(keepends=True):
        if not line.endswith("\n"):  # in the making
            continue
        each: dict[str, Any] = json.loads(line)
        code = each.get("responseStatus", {}).get("code", 0)
        what = each["objectRef"]["resource"]
        if each["verb"] == "list" and each["stage"] == "ResponseComplete" and code == 200:
            found.lists[what] += "continue=" not in each["requestURI"]
        elif each["verb"] == "watch" and each["stage"] == "ResponseStarted" and code == 200:
            found.watches[what] += 1
    return found
