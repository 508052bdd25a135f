"""`logs NAME`: a workload's log files, all of its pods together, optionally as they grow."""

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from agents.launcher import journal
from meshcore.client.place import Place, PlaceError, find
from meshcore.wire.kinds import parse_kind

SPECIAL = {"control-plane": "control.log", "launcher": "launcher.log"}
POD = re.compile(r"(?P<namespace>[^.]+)\.(?P<pod>[^.]+)(?P<proxy>\.proxy)?\.log")
GONE_S = 0.5


def logs(parsed: argparse.Namespace) -> int:
    """Print what was asked for; return the exit status."""
    try:
        place = find(parsed.mesh)
        found = files(place.logs, parsed.name, parsed.namespace, proxy=parsed.proxy)
    except PlaceError as error:
        sys.stderr.write(f"{error}; {error.hint}\n")
        return 1
    except LookupError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        return 2
    width = max(len(pod) for pod, _ in found)
    prefixes = {pod: f"{pod:<{width}} | ".encode() if len(found) > 1 else b"" for pod, _ in found}
    starts = {path: path.stat().st_size if path.exists() else 0 for _, path in found}
    for pod, path in found:
        for line in journal.tail(path, parsed.tail).splitlines(keepends=True):
            _write(prefixes[pod] + line)
    if not any(starts.values()):
        sys.stderr.write(f"{parsed.name} has written nothing yet\n")
    if parsed.follow:
        asyncio.run(_follow(place, [(prefixes[pod], path, starts[path]) for pod, path in found]))
    return 0


def files(folder: Path, name: str, namespace: str, *, proxy: bool) -> list[tuple[str, Path]]:
    """Return pods and their log files; raises LookupError with what there is instead."""
    kind, slash, rest = name.partition("/")
    if slash:
        known = parse_kind(kind)
        if known is None or known.name in ("namespace", "service"):
            raise LookupError(f"logs are of a workload or a pod, not of {kind!r}")
        name = rest
    if name in SPECIAL:
        return [(name, folder / SPECIAL[name])]
    pods = {}
    for path in sorted(folder.glob("*.log")):
        match = POD.fullmatch(path.name)
        if match and not match["proxy"] and (not namespace or match["namespace"] == namespace):
            pods[match["namespace"], match["pod"]] = path
    wanted = re.compile(rf"{re.escape(name)}(-[0-9]+)?")
    found = [(ns, pod) for ns, pod in pods if pod == name] or [(ns, pod) for ns, pod in pods if wanted.fullmatch(pod)]
    if not found:
        names = sorted({pod.rpartition("-")[0] for _, pod in pods})
        near = get_close_matches(name, [*names, *SPECIAL, *(pod for _, pod in pods)], 1)
        where = f" in namespace {namespace}" if namespace else ""
        fix = f"did you mean {near[0]}?" if near else f"there are: {', '.join([*names, *SPECIAL])}"
        raise LookupError(f"nothing called {name} has a log{where}; {fix}")
    if len({ns for ns, _ in found}) > 1:
        raise LookupError(
            f"{name} is in several namespaces: {', '.join(sorted({ns for ns, _ in found}))}; say which with -n"
        )
    return [(pod, folder / f"{ns}.{pod}.{'proxy.' if proxy else ''}log") for ns, pod in found]


async def _follow(place: Place, sources: Sequence[tuple[bytes, Path, int]]) -> None:
    """Print lines as they are written, until the mesh is gone."""

    async def one(prefix: bytes, path: Path, start: int) -> None:
        async for line in journal.follow(path, start):
            _write(prefix + line)

    tasks = [asyncio.create_task(one(*source)) for source in sources]
    while place.alive() and not any(task.done() for task in tasks):
        await asyncio.wait(tasks, timeout=GONE_S, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
