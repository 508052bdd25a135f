"""`meshtui check` of a cluster: asks, judges, and asks again while something may become good by itself.

What is looked at is sources/checks'; on a terminal a line says what is waited for.
"""

import asyncio
import sys
import time
from itertools import cycle

from meshcore.client.failure import ClientError
from meshcore.wire.control_pb2 import CheckCategory, CheckItem
from meshtui.model.check import bad
from meshtui.sources.kubeconfig import Kubeconfig, open_kube

AGAIN_S = 1.0  # how long after one look the next begins
TURN_S = 0.1
SPINNER = "|/-\\"
CLEAR = "\r\x1b[K"
WIDTH = 100


def cluster(
    where: Kubeconfig, *, pre: bool, proxy: bool, home: str, namespace: str, namespaced: bool, wait: float
) -> list[CheckCategory]:
    """Return the categories of a cluster's checks, looked at for at most `wait` seconds."""

    async def look() -> list[CheckCategory]:
        from meshtui.sources.checks.gather import gather
        from meshtui.sources.checks.rooms import MESH, PRE, PROXY, categories, waiting

        mode = PRE if pre else PROXY if proxy else MESH
        deadline = time.monotonic() + wait
        async with open_kube(where) as session:
            while True:
                found = categories(await gather(session, mode, home, namespace, namespaced=namespaced), mode)
                item = waiting(found)
                if item is None or time.monotonic() >= deadline:
                    return found
                await _pause(item)

    try:
        return asyncio.run(look())
    except ClientError as error:  # of the kubeconfig: nothing was asked yet
        item = bad("the API server can be asked", error.message, error.hint)
        return [CheckCategory(name="kubernetes-api", checks=[item])]


def begun(where: Kubeconfig) -> bool:
    """Tell whether somebody installed the mesh in a cluster, or a part of it; who may not see that sees none."""

    async def look() -> bool:
        from meshcore.kube.failure import KubeError
        from meshcore.kube.needs import CONFIG, TRUST
        from meshcore.kube.objects import CONFIG_MAPS
        from meshtui.sources.checks.facts import NAMESPACE

        async with open_kube(where) as session:
            for name in (CONFIG, TRUST):
                try:
                    await session.get(CONFIG_MAPS.path(NAMESPACE, name))
                except KubeError:
                    continue
                return True
        return False

    try:
        return asyncio.run(look())
    except ClientError:
        return False


async def _pause(item: CheckItem) -> None:
    """Wait for the next look; on a terminal, say for what."""
    if not sys.stderr.isatty():
        await asyncio.sleep(AGAIN_S)
        return
    end = time.monotonic() + AGAIN_S
    line = f"{item.description}: {item.error}"[:WIDTH]
    for sign in cycle(SPINNER):
        print(f"{CLEAR}{sign} {line}", end="", file=sys.stderr, flush=True)
        await asyncio.sleep(TURN_S)
        if time.monotonic() >= end:
            break
    print(CLEAR, end="", file=sys.stderr, flush=True)
