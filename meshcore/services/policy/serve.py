"""Policy over gRPC: one stream per workload, from a file that is followed, or from whoever composes it (a cluster).

The server puts it on the mutual-TLS listener and lets discovery ask what the file declares. An edit that cannot be
used changes nothing: the last good policy stays, a log line and `problem` (for the checks) say why.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from meshcore.patience import at_once
from meshcore.services.policy.compose import policy
from meshcore.services.policy.document import Description, DocumentError, parse
from meshcore.wire import policy_pb2, policy_pb2_grpc

if TYPE_CHECKING:
    from meshcore.wire.policy_pb2_grpc import _ServicerContext as Context

log = logging.getLogger("meshcore.policy")

POLL_S = 1.0
# The ports of an instance by name, once it has registered.
Ports = Callable[[str, str], Mapping[str, int]]
# A workload's policy without a version, by its namespace, name and pod.
Compose = Callable[[str, str, str], policy_pb2.WorkloadPolicy]


class Policy(policy_pb2_grpc.PolicyServicer):
    """The mesh's description and what follows from it for each workload. `wall_ms` is Unix time."""

    def __init__(
        self,
        file: Path | None,
        *,
        ports: Ports,
        wall_ms: Callable[[], int],
        compose: Compose | None = None,
        read: Callable[[], Awaitable[None]] = at_once,
    ) -> None:
        """With `compose`, nothing is read of a file: `renew` says when there is something new.

        `read` waits until what it composes from was read once: before that, sidecars keep the rules that they have.
        """
        self.file = file
        self.problem = ""
        self.description = Description()
        self.version = 0
        self.changed: Callable[[], None] = lambda: None  # told after each good edit
        self._ports = ports
        self._compose = compose or self._described
        self._wall_ms = wall_ms
        self._read = read
        self._seen = (0, 0, 0)
        self._watchers: dict[tuple[str, str], set[asyncio.Event]] = {}
        self.poll()

    def poll(self) -> None:
        """Take up an edit of the file, if there is one and it is good."""
        if self.file is None:
            return
        try:
            info = self.file.stat()
            seen = (info.st_ino, info.st_mtime_ns, info.st_size)
            if seen == self._seen:
                return
            self._seen = seen
            description = parse(self.file.read_text(), str(self.file))
        except (OSError, UnicodeDecodeError) as error:
            self._seen = (0, 0, 0)
            self._refuse(f"{self.file}: cannot be read: {error.strerror if isinstance(error, OSError) else error}")
            return
        except DocumentError as error:
            self._refuse(str(error))
            return
        if self.problem:
            self.problem = ""
            log.warning("the policy file is good again", extra={"fields": {"file": str(self.file)}})
        if description != self.description or not self.version:
            self.description = description
            self.renew()
            self.changed()

    def renew(self) -> None:
        """Look at every workload again."""
        self.version = max(self.version + 1, self._wall_ms())  # grows over restarts too
        for events in self._watchers.values():
            for event in events:
                event.set()

    def touch(self, services: set[tuple[str, str]]) -> None:
        """Look again at workloads whose instances changed: their ports may be known now."""
        for service in services:
            for event in self._watchers.get(service, ()):
                event.set()

    async def run(self) -> NoReturn:
        """Follow the file until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            self.poll()

    async def Watch(
        self, request: policy_pb2.PolicyRequest, context: "Context"
    ) -> AsyncIterator[policy_pb2.WorkloadPolicy]:
        """Tell a workload's policy now and after each change of it."""
        await self._read()
        key = (request.namespace, request.name)
        event = asyncio.Event()
        self._watchers.setdefault(key, set()).add(event)
        sent: policy_pb2.WorkloadPolicy | None = None
        version = 0
        try:
            while True:
                found = self._compose(*key, request.pod)
                if found != sent:
                    sent = found
                    version = max(version + 1, self.version)
                    told = policy_pb2.WorkloadPolicy(version=version)
                    told.MergeFrom(found)
                    yield told
                await event.wait()
                event.clear()
        finally:
            events = self._watchers[key]
            events.discard(event)
            if not events:
                del self._watchers[key]

    def _described(self, namespace: str, name: str, pod: str) -> policy_pb2.WorkloadPolicy:
        return policy(self.description, namespace, name, self._ports(namespace, pod))

    def _refuse(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            log.error("the last good policy stays in force", extra={"fields": {"reason": problem}})
