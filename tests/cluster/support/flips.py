"""Endpoints that leave service and come back, so many a second, and when each change was made.

Of `Sets`, the test writes the EndpointSlices itself, so that no controller stands between a change and who watches; of
pods, the EndpointSlice controller does. kwok leaves the conditions of pods that run alone. In one run each endpoint is
in each state once, so that an arrival says which change it tells of.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from meshcore.kube.objects import ENDPOINT_SLICES, PODS, SERVICES, Object
from meshcore.kube.session import JSON_PATCH, Session
from meshcore.kube.watch import Watch
from meshcore.services.discovery import records
from tests.cluster.support.cluster import Cluster

MERGE = "application/strategic-merge-patch+json"
AT_ONCE = 32  # questions to the API server


class Flip(NamedTuple):
    """A change that was made. `at` is when the API server had answered, monotonic."""

    pod: str
    ready: bool
    at: float


class Sets:
    """Services set-0, set-1, … without selectors over the pods of app-0, app-1, …, each with one EndpointSlice."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._at: dict[str, tuple[str, int]] = {}  # slice and index of each pod
        self.pods: dict[int, list[str]] = {}

    def make(self, services: int) -> None:
        for number in range(services):
            path = f"{PODS.path(self._namespace)}?labelSelector=app%3Dapp-{number}"
            pods = sorted(self._cluster.get(path)["items"], key=lambda pod: pod["metadata"]["name"])
            self.pods[number] = [pod["metadata"]["name"] for pod in pods]
            name = f"set-{number}"
            service = SERVICES.new(name, self._namespace, spec={"ports": [{"port": 80, "targetPort": 8080}]})
            self._cluster.request("POST", SERVICES.path(self._namespace), service)
            self._cluster.request("POST", ENDPOINT_SLICES.path(self._namespace), _slice(name, self._namespace, pods))
            self._at |= {pod: (name, index) for index, pod in enumerate(self.pods[number])}

    async def flip(self, session: Session, pod: str, *, ready: bool) -> None:
        name, index = self._at[pod]
        body = [{"op": "replace", "path": f"/endpoints/{index}/conditions/ready", "value": ready}]
        await session.patch(ENDPOINT_SLICES.path(self._namespace, name), body, media=JSON_PATCH, within=60)

    def holder(self, pod: str) -> str:
        """Return the object that a pod's endpoint stands in."""
        return self._at[pod][0]


class Pods:
    """The pods of app-0, app-1, … and their Services."""

    def __init__(self, sets: Sets, namespace: str) -> None:
        self.pods = sets.pods
        self._namespace = namespace

    async def flip(self, session: Session, pod: str, *, ready: bool) -> None:
        body = {"status": {"conditions": [{"type": "Ready", "status": str(ready)}]}}
        await session.patch(PODS.path(self._namespace, pod, "status"), body, media=MERGE, within=60)

    def holder(self, pod: str) -> str:
        return pod


def plan(pods: Sequence[str], count: int) -> list[tuple[str, bool]]:
    """Return so many changes over these pods: the first half ends them, the second brings them back."""
    half = min(count // 2, len(pods))
    return [(pod, False) for pod in pods[:half]] + [(pod, True) for pod in pods[:half]]


async def flip(what: Sets | Pods, session: Session, changes: Sequence[tuple[str, bool]], rate: float) -> list[Flip]:
    """Make the changes, so many a second, or as fast as they are taken (0)."""
    room = asyncio.Semaphore(AT_ONCE)
    turns: dict[str, asyncio.Lock] = defaultdict(
        asyncio.Lock
    )  # patches of one object would only get in each other's way
    began = time.monotonic()

    async def one(number: int, pod: str, ready: bool) -> Flip:
        if rate:
            await asyncio.sleep(began + number / rate - time.monotonic())
        async with turns[what.holder(pod)], room:
            await what.flip(session, pod, ready=ready)
            return Flip(pod, ready, time.monotonic())

    return await asyncio.gather(*(one(number, *change) for number, change in enumerate(changes)))


class Slices:
    """Another watch of the same EndpointSlices: when the API server told each change, by service, pod and state."""

    def __init__(self, session: Session, namespace: str) -> None:
        self.told: dict[tuple[str, str, bool], float] = {}
        self.watch: Watch[Any] = Watch(session, ENDPOINT_SLICES.path(namespace), records.endpoint_slice)
        self.watch.on_change(self._changed)

    def _changed(self, change: Any) -> None:
        old, new = change[2], change[3]
        if old is None or new is None:
            return
        before = {place.pod[1]: place.ready for place in old.places}
        now = time.monotonic()
        for place in new.places:
            if before.get(place.pod[1]) is not place.ready:
                self.told[new.service, place.pod[1], place.ready] = now


def _slice(service: str, namespace: str, pods: Sequence[Mapping[str, Any]]) -> Object:
    made = ENDPOINT_SLICES.new(service, namespace, addressType="IPv4", ports=[{"name": "", "port": 8080}])
    made["metadata"]["labels"] = {"kubernetes.io/service-name": service}
    made["endpoints"] = [
        {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": True},
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": namespace},
        }
        for pod in pods
    ]
    return made
