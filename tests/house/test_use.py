"""Every right in meshcore/kube/needs.py is used: the control plane's parts ask an API server that grants those only."""

import asyncio
import time
from pathlib import Path
from typing import Any

from meshcore.inject.names import CONFIG_KEY, CONFIG_MAP
from meshcore.inject.settings import write
from meshcore.kube.act import Act
from meshcore.kube.events import Recorder
from meshcore.kube.lease import Election, Terms
from meshcore.kube.needs import CONTROL_PLANE, INJECTOR, LEADER, NEEDS, OBSERVE, VALIDATOR
from meshcore.kube.objects import (
    ACCESS_REVIEWS,
    API_SERVICES,
    CONFIG_MAPS,
    MUTATING_WEBHOOKS,
    PODS,
    TOKEN_REVIEWS,
    VALIDATING_WEBHOOKS,
)
from meshcore.kube.review import Reviews, User
from meshcore.kube.session import Session
from meshcore.server.core import wall_ms
from meshcore.server.follow import Cluster
from meshcore.server.issuer import Issuer
from meshcore.server.publish import Publisher
from meshcore.services.discovery.registry import Registry
from meshtui.cli.manifests import load, settings_of
from tests.support.apiserver import ApiServer, api_server, asking
from tests.support.wait import until

MESH = "meshtui"


async def work(server: ApiServer, session: Session, folder: Path) -> None:
    """Let every part of the control plane that asks an API server do so."""
    cluster = Cluster(session, Registry(time.monotonic, wall_ms), MESH)
    issuer = Issuer(session, MESH, folder / "issuer")
    recorder = Recorder(session, "meshtui-controller")
    election = Election(session, MESH, LEADER, "me", terms=Terms(every=0.05))
    publisher = Publisher(session, lambda: "anchors", election.leading)
    await issuer.ensure()
    loops = (cluster.run(), issuer.run(), recorder.run(), election.run())
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        pod = PODS.new("web-0", "shop")
        await cluster.wants("shop")
        recorder.record(pod, "Injected", "a sidecar was put in")
        await until(lambda: recorder.written == 1)
        recorder.record(pod, "Injected", "again")
        await publisher.publish()
        reviews = Reviews(session)
        await reviews.token("t", ["a"])
        await reviews.access(User("jane"), Act("get", "observe.meshtui.dev", "stats", "shop"))
        await until(lambda: recorder.written == 2 and cluster.synced)
        await until(lambda: any(need.role == "leader" and verb == "update" for need, verb in server.used))
        await until(lambda: len(server.watches()) >= len(cluster.watches) + 2)  # the issuer's two
        assert recorder.failed == 0
        assert publisher.problem == ""
        assert cluster.failures() == []
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_each_right_of_the_control_plane_is_used(tmp_path: Path) -> None:
    hook: dict[str, Any] = {"webhooks": [{"clientConfig": {"caBundle": "b2xk"}}]}
    async with api_server() as server, asking(server) as session:
        server.roles, server.mesh = CONTROL_PLANE, MESH
        server.put(MUTATING_WEBHOOKS.path(name=INJECTOR), kind=MUTATING_WEBHOOKS.kind, **hook)
        server.put(VALIDATING_WEBHOOKS.path(name=VALIDATOR), kind=VALIDATING_WEBHOOKS.kind, **hook)
        server.put(API_SERVICES.path(name=OBSERVE), kind=API_SERVICES.kind, spec={"service": {"name": "x"}})
        server.put("/api/v1/namespaces/shop")
        document = write(settings_of(load()))
        server.put(CONFIG_MAPS.path(MESH, CONFIG_MAP), kind=CONFIG_MAPS.kind, data={CONFIG_KEY: document})
        server.reviews = {
            TOKEN_REVIEWS.path(): lambda spec: {"authenticated": False},
            ACCESS_REVIEWS.path(): lambda spec: {"allowed": True},
        }
        await work(server, session, tmp_path)
    granted = {(need, verb) for need in NEEDS if need.role in CONTROL_PLANE for verb in need.verbs}
    # The same right may be there for two roles; whoever asks, it is used.
    used = {(need.group, need.resource, need.names, verb) for need, verb in server.used}
    unused = {
        (need.role, need.resource, verb)
        for need, verb in granted
        if (need.group, need.resource, need.names, verb) not in used
    }
    assert unused == set()
