"""Whoever looks at the inventory hears of changes, not only at the next beat."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, cast

from meshcore.services.discovery.inventory import Inventory
from meshcore.services.discovery.registry import Registry
from meshcore.wire.discovery_pb2 import InstanceStatus, PodsRequest, PodsResponse


async def test_pods_are_told_soon_after_a_change() -> None:
    registry = Registry(time.monotonic, lambda: 0)
    inventory = Inventory(registry, proxies=lambda *_: None, trust_domain="local", node="here", wall_ms=lambda: 5)
    stream: AsyncIterator[PodsResponse] = inventory.WatchPods(PodsRequest(interval_ms=60_000), cast(Any, None))
    assert not (await anext(stream)).pods
    registry.report("up", [InstanceStatus(namespace="shop", name="web", pod="web-0", ready=True, meshed=True)])
    answer = await asyncio.wait_for(anext(stream), 30)
    assert [pod.status.pod for pod in answer.pods] == ["web-0"]
