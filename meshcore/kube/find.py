"""Which cluster is meant: --kubeconfig, KUBECONFIG, ~/.kube/config, or the one this pod runs in.

Asked by session.py, and by whoever must know whether there is a cluster at all before anything is loaded.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from meshcore.kube.cluster import Cluster, from_pod, in_pod
from meshcore.kube.credentials import Impersonation
from meshcore.kube.failure import KUBECONFIG, KubeError


def kubeconfig_files(explicit: str | None, environ: Mapping[str, str]) -> list[Path]:
    """Return the files that count, of those that exist; raises KubeError for a named one that does not."""
    if explicit:
        path = Path(explicit).expanduser()
        if not path.exists():
            raise KubeError(f"there is no kubeconfig {path}", "see --kubeconfig", code=KUBECONFIG)
        return [path]
    listed = [each for each in environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    places = listed or [str(Path(environ.get("HOME") or Path.home()) / ".kube" / "config")]
    return [path for each in dict.fromkeys(places) if (path := Path(each).expanduser()).exists()]


async def find_cluster(
    kubeconfig: str | None = None,
    context: str | None = None,
    impersonate: Impersonation = Impersonation(),  # noqa: B008 - frozen
    *,
    in_cluster: bool | None = None,
    interactive: bool = False,
    environ: Mapping[str, str],
) -> Cluster:
    """Return the cluster that is meant; raises KubeError."""
    if in_cluster:
        return replace(from_pod(environ), impersonate=impersonate)
    files = kubeconfig_files(kubeconfig, environ)
    if not files:
        if in_cluster is None and context is None and in_pod(environ):
            return replace(from_pod(environ), impersonate=impersonate)
        listed = environ.get("KUBECONFIG", "")
        raise KubeError(
            f"there is no kubeconfig{listed and f': none of {listed} exists'}",
            "name one with --kubeconfig or KUBECONFIG, or put it at ~/.kube/config",
            code=KUBECONFIG,
        )

    def read() -> Cluster:
        from meshcore.kube.kubeconfig import load_kubeconfig

        talks = interactive and sys.stdin.isatty()
        return load_kubeconfig(files, context, impersonate, environ, interactive=talks)

    return await asyncio.to_thread(read)  # what it imports takes a third of a second
