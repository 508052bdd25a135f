"""Tells the API server by which CA to know us: in the webhooks' configurations and the APIService.

Our serving certificate comes from the mesh's own authority, so the CA is the bundle of trust anchors; it changes when
those do. Replicas may hear of that at different moments, so one of them writes: the holder of the Lease.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from meshcore.kube.failure import NO_SUCH_API, NOT_FOUND, KubeError
from meshcore.kube.needs import INJECTOR, OBSERVE, VALIDATOR
from meshcore.kube.objects import API_SERVICES, MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Kind, Object
from meshcore.kube.patch import add, edit
from meshcore.kube.session import Session

log = logging.getLogger("meshcore.server")

LOOK_S = 2.0  # how soon a change of the anchors is published
LOOKS = 15  # after so many, what is there is looked at again
_PLACES: tuple[tuple[Kind, str], ...] = (
    (MUTATING_WEBHOOKS, INJECTOR),
    (VALIDATING_WEBHOOKS, VALIDATOR),
    (API_SERVICES, OBSERVE),
)


class Publisher:
    """Keeps the CA bundles right. `anchors()` is PEM; `leading` is set while this replica may write."""

    def __init__(self, session: Session, anchors: Callable[[], str], leading: asyncio.Event) -> None:
        self._session = session
        self._anchors = anchors
        self._leading = leading
        self._published = ""
        self.problem = ""

    async def run(self) -> NoReturn:
        """Publish each change at once, and look again now and then: somebody may apply an old manifest."""
        while True:
            await self._leading.wait()
            self._published = self._anchors()
            await self.publish()
            for _ in range(LOOKS):
                await asyncio.sleep(LOOK_S)
                if self._anchors() != self._published:
                    break

    async def publish(self) -> None:
        """Write the bundle wherever it is another one."""
        bundle = base64.b64encode(self._anchors().encode()).decode()
        problem = ""
        for kind, name in _PLACES:
            path = kind.path(name=name)
            try:
                found = await self._session.get(path)
                changes = [add(where, bundle) for where in places(found) if value_at(found, where) != bundle]
                if changes:
                    await edit(self._session, path, changes)
                    log.info("CA bundle published", extra={"fields": {"object": name}})
            except KubeError as error:
                if error.code not in (NOT_FOUND, NO_SUCH_API):  # namespaced installations have no webhooks
                    problem = f"{kind.kind} {name}: {error}"
        if problem != self.problem:
            self.problem = problem
            if problem:
                log.warning("a CA bundle could not be published", extra={"fields": {"reason": problem}})


def places(each: Object) -> Iterator[str]:
    """Yield the JSON pointers of an object's CA bundles."""
    if each.get("kind") == API_SERVICES.kind:
        if (each.get("spec") or {}).get("service"):
            yield "/spec/caBundle"
        return
    for at, _ in enumerate(each.get("webhooks") or ()):
        yield f"/webhooks/{at}/clientConfig/caBundle"


def value_at(each: Object, pointer: str) -> Any:
    """Return what stands at a JSON pointer; None: nothing."""
    found: Any = each
    for part in pointer.split("/")[1:]:
        if isinstance(found, list):
            found = found[int(part)]
        elif isinstance(found, dict):
            found = found.get(part)
        else:
            return None
    return found
