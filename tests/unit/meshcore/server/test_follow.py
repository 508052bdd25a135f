"""What a cluster's control plane takes in of the objects that it follows."""

import asyncio

from meshcore.inject.names import COMPONENT, CONTROLLER
from meshcore.kube.objects import PODS
from meshcore.server.follow import Cluster
from meshcore.services.discovery.registry import Registry
from tests.support.apiserver import ApiServer, api_server, asking

OURS, THEIRS = "meshtui", "shop"


async def follow(server: ApiServer, wanted: dict[str, int]) -> Cluster:
    """Follow a server's pods until it tells of as many of each namespace as wanted."""
    async with asking(server) as session:
        cluster = Cluster(session, Registry(lambda: 0.0, lambda: 0), OURS)
        task = asyncio.create_task(cluster.run())
        try:
            async with asyncio.timeout(60):
                while any(
                    sum(namespace == each for namespace, _ in cluster.snapshot.pods) != count
                    for each, count in wanted.items()
                ):
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return cluster


async def test_replicas_are_the_controllers_pods_and_nobody_elses_of_their_name() -> None:
    labelled = {"labels": {COMPONENT: CONTROLLER}}
    async with api_server() as server:
        server.put(PODS.path(OURS, "controller-a"), metadata=labelled)
        server.put(PODS.path(OURS, "grafana"))
        server.put(PODS.path(THEIRS, "controller-a"), metadata=labelled)
        cluster = await follow(server, {OURS: 2, THEIRS: 1})
        assert {name: pod.namespace for name, pod in cluster.replicas.items()} == {"controller-a": OURS}
