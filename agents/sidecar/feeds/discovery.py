"""Where services are, and that this sidecar is here.

The Register stream is this instance's presence, for as long as it lives. Each target that an application asks for is
watched on a stream of its own, from the first time that it is asked for. What discovery said last stays in force while
the control plane is away: a snapshot replaces it when it is back.
"""

import asyncio
import logging

from agents.sidecar.feeds.call import Call
from agents.sidecar.feeds.line import Line
from agents.sidecar.feeds.uplink import Session, Uplink, beside
from agents.sidecar.state.endpoints import Directory, EndpointSet
from meshcore.wire import discovery_pb2

SETTLE_S = 4.0


class Told:
    """What one stream says of a target, and when it is believed.

    A control plane that has just restarted does not know yet who is there: its sidecars come back within seconds, in
    any order. So a stream that takes over from an earlier one adds at once, and takes away only after a while.
    """

    def __init__(self, endpoints: EndpointSet, settle_s: float = SETTLE_S) -> None:
        self._endpoints = endpoints
        self._settle_s = settle_s
        self._settled = not endpoints.exists
        self._timer: asyncio.TimerHandle | None = None
        self._whole = discovery_pb2.EndpointsUpdate()
        self._put: dict[str, discovery_pb2.Endpoint] = {}

    def take(self, update: discovery_pb2.EndpointsUpdate) -> None:
        """Take in one message."""
        if self._settled:
            self._endpoints.apply(update)
            return
        if update.snapshot:
            self._put.clear()
        for gone in update.remove:
            self._put.pop(gone, None)
        for put in update.put:
            self._put[put.id] = put
        self._whole = update
        if update.exists:
            if self._put.keys() >= self._endpoints.by_id.keys():
                self._settle()
                return
            added = discovery_pb2.EndpointsUpdate(exists=True, service=update.service, put=update.put)
            if not update.snapshot:
                added.remove.extend(update.remove)
            self._endpoints.apply(added)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._settle_s, self._settle)

    def close(self) -> None:
        """The stream has ended; what it did not come to take away stays."""
        if self._timer is not None:
            self._timer.cancel()

    def _settle(self) -> None:
        self._settled = True
        self.close()
        whole = discovery_pb2.EndpointsUpdate(
            snapshot=True, exists=self._whole.exists, service=self._whole.service, put=self._put.values()
        )
        self._endpoints.apply(whole)


class Discovery:
    """The discovery feed of one sidecar."""

    def __init__(
        self, instance: discovery_pb2.Instance, directory: Directory, uplink: Uplink, log: logging.Logger
    ) -> None:
        self._instance = instance
        self._directory = directory
        self._uplink = uplink
        self._log = log
        self._watches: dict[EndpointSet, asyncio.Task[None]] = {}
        self._drain = asyncio.Event()
        self.registered = False  # has ever been
        directory.follow = self.follow
        directory.unfollow = self.unfollow
        for known in directory.sets.values():
            self.follow(known)

    def follow(self, endpoints: EndpointSet) -> None:
        """Watch a target from now on."""
        if endpoints not in self._watches:
            keep = self._uplink.keep(f"endpoints of {endpoints.target}", self._watch(endpoints))
            self._watches[endpoints] = asyncio.get_running_loop().create_task(keep)

    def unfollow(self, endpoints: EndpointSet) -> None:
        """Watch a target no longer."""
        task = self._watches.pop(endpoints, None)
        if task is not None:
            task.cancel()

    def drain(self) -> None:
        """Tell everybody that this instance takes no new work."""
        self._drain.set()

    async def register(self, line: Line) -> None:
        """Be present; a session for Uplink.keep."""
        hello = discovery_pb2.Registration(instance=self._instance, draining=self._drain.is_set())
        async with line.call("/meshtui.v1.Discovery/Register", discovery_pb2.RegistrationReply) as call:
            await call.write(hello.SerializeToString())
            async with beside(call, self._farewell(call)):
                async for reply in call:
                    if not self.registered:
                        self._log.info("registered with control plane %s", reply.server_version)
                    self.registered = True
                    if reply.zone and not self._instance.zone:  # a pod's node knows, its configuration does not
                        self._directory.locate(reply.zone)
                    self._uplink.heard("presence")

    async def _farewell(self, call: Call[discovery_pb2.RegistrationReply]) -> None:
        await self._drain.wait()
        await call.write(discovery_pb2.Registration(draining=True).SerializeToString())
        await asyncio.Event().wait()  # stay: the presence ends with the process

    def _watch(self, endpoints: EndpointSet) -> Session:
        request = discovery_pb2.WatchRequest(
            target=endpoints.target, namespace=self._instance.namespace, pod=self._instance.pod
        )

        async def watch(line: Line) -> None:
            told = Told(endpoints)
            try:
                async with line.call("/meshtui.v1.Discovery/Watch", discovery_pb2.EndpointsUpdate) as call:
                    await call.write(request.SerializeToString(), end=True)
                    async for update in call:
                        told.take(update)
            finally:
                told.close()

        return watch

    def stop(self) -> None:
        """End every watch."""
        for task in self._watches.values():
            task.cancel()
        self._watches.clear()
