"""Leads sidecars and people to one replica: the holder of the Lease has a label that two Services select by.

What sidecars report is held by the replica that they are connected to, so figures are whole only where all of them are.
Certificates and admission are every replica's; another one takes the label when the Lease's holder is gone.
"""

import asyncio
import logging
from typing import NoReturn

from meshcore.inject.names import LEADER
from meshcore.kube.failure import KubeError
from meshcore.kube.objects import PODS
from meshcore.kube.patch import merge
from meshcore.kube.session import Session

log = logging.getLogger("meshcore.server")

LOOK_S = 1.0


class Mark:
    """Keeps the label of our own pod like the Lease. `leading` is set while this replica holds it."""

    def __init__(self, session: Session, namespace: str, pod: str, leading: asyncio.Event) -> None:
        self._session = session
        self._path = PODS.path(namespace, pod) if pod else ""
        self._leading = leading
        self._marked: bool | None = None  # None: whatever an earlier process of this pod left

    async def run(self) -> NoReturn:
        """Follow the Lease until cancelled."""
        while True:
            if self._leading.is_set() is not self._marked:
                await self._write(leading=self._leading.is_set())
            await asyncio.sleep(LOOK_S)

    async def _write(self, *, leading: bool) -> None:
        try:
            await merge(self._session, self._path, {"metadata": {"labels": {LEADER: "true" if leading else None}}})
            self._marked = leading
        except KubeError as error:
            log.warning("our own pod could not be marked", extra={"fields": {"leading": leading, "reason": str(error)}})
