"""Upstreams as a mesh.yaml writes them, and the names they go by in the environment.

Pure; used by rules and plan. `emoji`, `emoji:grpc` and `emoji.shop:8080` all go by `emoji`, unless two of one
workload's upstreams would: then the port or the namespace joins in.
"""

import re
from collections.abc import Sequence

from meshcore.wire.ids import Target, parse_target


def targets(upstreams: Sequence[str], namespace: str) -> dict[str, Target]:
    """Return the targets by the names they go by, in order; those that cannot be parsed are left out."""
    parsed = [target for text in upstreams if (target := parse_target(text, namespace)) is not None]
    named: dict[str, Target] = {}
    for target in parsed:
        others = [other for other in parsed if other.name == target.name and other != target]
        key = target.name
        if any(other.namespace != target.namespace for other in others):
            key += f"-{target.namespace}"
        if target.port and any(other.namespace == target.namespace for other in others):
            key += f"-{target.port}"
        named[key] = target
    return named


def variable(key: str) -> str:
    """Return a name as an environment variable has it: `vote-bot` is VOTE_BOT."""
    return re.sub(r"[^A-Z0-9]", "_", key.upper())
