"""What every worker has to know: identity, zone, policy, taps, and where the targets are that it follows.

The lead's state is the source: each change goes to all workers as it is applied here, and a worker that has just
started is told how things stand. Each target is followed once for the whole sidecar, for as long as the lead's
directory keeps it.
"""

from typing import Protocol

from agents.sidecar.state.endpoints import EndpointSet
from agents.sidecar.state.runtime import Runtime
from meshcore.wire import discovery_pb2, policy_pb2, tap_pb2, worker_pb2
from meshcore.wire.worker_pb2 import ToWorker


class Reader(Protocol):
    """A worker, as far as it is told things."""

    def tell(self, said: ToWorker) -> None: ...


class Target:
    """What discovery has said of one target, and who wants to know."""

    def __init__(self, name: str) -> None:
        self.readers: set[Reader] = set()
        self._name = name
        self._known = discovery_pb2.EndpointsUpdate()
        self._put: dict[str, discovery_pb2.Endpoint] = {}
        self._silent = True  # discovery has not answered yet

    def told(self, update: discovery_pb2.EndpointsUpdate) -> None:
        """Take in an update, and pass it on."""
        self._silent = False
        if update.snapshot:
            self._put.clear()
        for gone in update.remove:
            self._put.pop(gone, None)
        for put in update.put:
            self._put[put.id] = put
        self._known = update
        said = self._said(update)
        for reader in self.readers:
            reader.tell(said)

    def join(self, reader: Reader) -> None:
        """Tell a worker from now on, and at first how things stand."""
        self.readers.add(reader)
        if not self._silent:
            known = self._known
            reader.tell(
                self._said(
                    discovery_pb2.EndpointsUpdate(
                        snapshot=True, exists=known.exists, service=known.service, put=self._put.values()
                    )
                )
            )

    def _said(self, update: discovery_pb2.EndpointsUpdate) -> ToWorker:
        return ToWorker(target=worker_pb2.WorkerTarget(target=self._name, update=update))


class Bulletin:
    """All that is told. Made after the feeds, whose directory it listens to."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._readers: set[Reader] = set()
        self._targets: dict[str, Target] = {}
        self._policy: policy_pb2.WorkloadPolicy | None = None
        self._orders: dict[int, tap_pb2.TapOrder] = {}
        runtime.certs.subscribe(self._certified)
        runtime.rules.told = self._applied
        runtime.taps.told = self._ordered
        directory = runtime.directory
        self._follow, directory.follow = directory.follow, self._followed
        self._unfollow, directory.unfollow = directory.unfollow, self._unfollowed
        directory.located = self._located
        for known in directory.sets.values():
            self._mirror(known)

    def join(self, reader: Reader) -> None:
        """A worker has started: it is told how things stand."""
        self._readers.add(reader)
        if self._runtime.directory.zone:
            reader.tell(ToWorker(zone=self._runtime.directory.zone))
        if self._policy is not None:
            reader.tell(ToWorker(policy=self._policy))
        for order in self._orders.values():
            reader.tell(ToWorker(order=order))
        if self._runtime.certs.current is not None:
            reader.tell(self._identity())

    def leave(self, reader: Reader) -> None:
        """A worker has ended."""
        self._readers.discard(reader)
        for target in self._targets.values():
            target.readers.discard(reader)

    def follow(self, reader: Reader, name: str) -> None:
        """A worker wants to know where a target is."""
        self._runtime.discover(name).used = self._runtime.clock()
        self._targets[name].join(reader)

    def unfollow(self, reader: Reader, name: str) -> None:
        """A worker has no use for a target any more; the lead forgets it when it needs the room."""
        if name in self._targets:
            self._targets[name].readers.discard(reader)

    def _tell(self, said: ToWorker) -> None:
        for reader in self._readers:
            reader.tell(said)

    def _certified(self) -> None:
        if self._readers:
            self._tell(self._identity())

    def _identity(self) -> ToWorker:
        certs = self._runtime.certs
        current = certs.current
        return ToWorker(
            identity=worker_pb2.WorkerIdentity(
                identity=current.identity,
                chain_pem=current.chain_pem,
                key_pem=current.key_pem,
                anchors_pem=certs.anchors_pem,
                not_before=current.not_before,
                not_after=current.not_after,
                serial=current.serial,
            )
        )

    def _located(self, zone: str) -> None:
        self._tell(ToWorker(zone=zone))

    def _applied(self, policy: policy_pb2.WorkloadPolicy) -> None:
        self._policy = policy
        self._tell(ToWorker(policy=policy))

    def _ordered(self, order: tap_pb2.TapOrder | None) -> None:
        if order is None:
            self._orders.clear()
            self._tell(ToWorker(untap=True))
            return
        if order.cancel:
            self._orders.pop(order.id, None)
        else:
            self._orders[order.id] = order
        self._tell(ToWorker(order=order))

    def _mirror(self, endpoints: EndpointSet) -> None:
        target = self._targets[endpoints.target] = Target(endpoints.target)
        endpoints.told = target.told

    def _followed(self, endpoints: EndpointSet) -> None:
        self._mirror(endpoints)
        self._follow(endpoints)

    def _unfollowed(self, endpoints: EndpointSet) -> None:
        self._unfollow(endpoints)
        target = self._targets.pop(endpoints.target)
        for reader in target.readers:
            reader.tell(ToWorker(forget=endpoints.target))
