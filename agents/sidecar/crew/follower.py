"""A worker's only feed: what the lead says goes into this process's state, what happens here goes to the lead.

agents/sidecar/worker makes one from the lead's first message. While the lead does not keep up, counts and events stay
where they are bounded anyway, in state/counters and state/taps, and are told when it does again.
"""

import asyncio
import os
from collections.abc import Callable

from agents.runtime.config import SidecarConfig
from agents.sidecar.crew.channel import Channel
from agents.sidecar.crew.handover import Taker
from agents.sidecar.crew.report import Reporter
from agents.sidecar.state.certs import Certificate
from agents.sidecar.state.endpoints import EndpointSet
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.traffic import Traffic
from meshcore.wire import tap_pb2, worker_pb2
from meshcore.wire.worker_pb2 import FromWorker, ToWorker

REPORT_S = 0.25  # so much is lost at most when the process is killed
EVENTS_S = 0.02  # tap events wait so long for company
BATCH = 500


class Follower:
    """The feed of one worker process."""

    def __init__(self, runtime: Runtime, traffic: Traffic, taker: Taker, channel: Channel[ToWorker]) -> None:
        self._runtime = runtime
        self._traffic = traffic
        self._taker = taker
        self._channel = channel
        self._reporter = Reporter(runtime, traffic, taker)
        self._loop = asyncio.get_running_loop()
        self._wishes: dict[str, bool] = {}  # to follow or not to follow, not told yet
        self._told: set[str] = set()  # targets that the lead takes for followed
        self._memory = -1  # the descriptor of the certificate
        self._draining: asyncio.Task[None] | None = None
        self._hear: dict[str, Callable[[ToWorker], None]] = {
            "identity": lambda said: self._certify(said.identity),
            "zone": lambda said: runtime.directory.locate(said.zone),
            "policy": lambda said: runtime.rules.apply(said.policy),
            "target": lambda said: self._target(said.target),
            "forget": lambda said: self._forget(said.forget),
            "order": lambda said: self._order(said.order),
            "untap": lambda _: runtime.taps.clear(),
            "ask": lambda said: self._report(said.ask),
            "drain": lambda _: self._drain(),
        }
        channel.room = self._wish
        runtime.taps.wake = self._woken
        directory = runtime.directory
        directory.follow = self._follow
        directory.unfollow = self._unfollow
        for known in directory.sets.values():
            self._follow(known)
        self._tick()

    def hear(self, said: ToWorker) -> None:
        """Take in what the lead says."""
        what = said.WhichOneof("said")
        if what in self._hear:
            self._hear[what](said)

    def _certify(self, told: worker_pb2.WorkerIdentity) -> None:
        certs = self._runtime.certs
        current = certs.current
        if current is not None and current.chain_pem == told.chain_pem:
            certs.trust(told.anchors_pem)
            return
        # `ssl` reads files only: this one has no name, and is gone with the process.
        memory = os.memfd_create("identity", os.MFD_CLOEXEC)
        os.write(memory, told.chain_pem + told.key_pem)
        certificate = Certificate(
            identity=told.identity,
            chain_pem=told.chain_pem,
            key_pem=told.key_pem,
            path=f"/proc/self/fd/{memory}",
            not_before=told.not_before,
            not_after=told.not_after,
            serial=told.serial,
        )
        old, self._memory = self._memory, memory
        certs.install(certificate, told.anchors_pem)
        if old >= 0:
            os.close(old)
        else:
            self._channel.send(FromWorker(ready=True))

    def _target(self, told: worker_pb2.WorkerTarget) -> None:
        known = self._runtime.directory.sets.get(told.target)
        if known is not None:
            known.apply(told.update)

    def _forget(self, name: str) -> None:
        known = self._runtime.directory.sets.get(name)
        if known is not None:
            self._runtime.directory.drop(known)

    def _order(self, order: tap_pb2.TapOrder) -> None:
        self._runtime.taps.order(order)  # the lead has said it if it can never match

    def _follow(self, endpoints: EndpointSet) -> None:
        self._wishes[endpoints.target] = True  # even if the lead takes it for followed: it tells anew how things stand
        self._wish()

    def _unfollow(self, endpoints: EndpointSet) -> None:
        if endpoints.target in self._told:
            self._wishes[endpoints.target] = False
            self._wish()
        else:
            self._wishes.pop(endpoints.target, None)

    def _wish(self) -> None:
        """Tell the lead which targets are followed, as far as it keeps up."""
        while self._wishes and not self._channel.paused:
            name, wanted = self._wishes.popitem()
            if wanted:
                self._told.add(name)
                self._channel.send(FromWorker(follow=name))
            else:
                self._told.discard(name)
                self._channel.send(FromWorker(unfollow=name))

    def _tick(self) -> None:
        if not self._channel.paused:
            self._report(0)
        self._loop.call_later(REPORT_S, self._tick)

    def _report(self, answer: int) -> None:
        self._events()
        self._channel.send(FromWorker(report=self._reporter.make(answer)))

    def _woken(self) -> None:
        self._loop.call_later(EVENTS_S, self._events)

    def _events(self) -> None:
        if self._channel.paused:
            return  # they go with the next report
        events, dropped = self._runtime.taps.take()
        for start in range(0, len(events), BATCH):
            self._channel.send(FromWorker(tap=tap_pb2.TapReport(events=events[start : start + BATCH], dropped=dropped)))
            dropped = 0
        if dropped:
            self._channel.send(FromWorker(tap=tap_pb2.TapReport(dropped=dropped)))

    def _drain(self) -> None:
        if self._draining is None:
            self._draining = self._loop.create_task(self._finish())

    async def _finish(self) -> None:
        """Take what is on its way here, finish what is open, hand in the last counts."""
        config: SidecarConfig = self._runtime.config
        try:
            self._taker.finish()
            self._traffic.stop()
            await self._traffic.finish(config.drain_s)
        except Exception:  # whatever it was, the counts must get out, and the process end
            self._runtime.log.exception("not drained")
        self._report(0)
        self._channel.close()
