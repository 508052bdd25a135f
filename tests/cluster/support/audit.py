"""What the API server says that the mesh's control plane has asked of it, request by request: its own audit log."""

import json
from collections import Counter
from collections.abc import Iterator
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
    for each in _lines(cluster):
        code = each.get("responseStatus", {}).get("code", 0)
        what = each["objectRef"]["resource"]
        if each["verb"] == "list" and each["stage"] == "ResponseComplete" and code == 200:
            found.lists[what] += "continue=" not in each["requestURI"]
        elif each["verb"] == "watch" and each["stage"] == "ResponseStarted" and code == 200:
            found.watches[what] += 1
    return found


def reviewed(cluster: Cluster, user: str) -> list[dict[str, Any]]:
    """Return the reviews in which it asked what somebody may do."""
    made = [each["requestObject"]["spec"] for each in _lines(cluster) if each["verb"] == "create"]
    return [spec for spec in made if spec.get("user") == user]


def _lines(cluster: Cluster) -> Iterator[dict[str, Any]]:
    for line in cluster.plane.audit.read_text().splitlines(keepends=True):
        if line.endswith("\n"):  # else it is in the making
            yield json.loads(line)
