"""Somebody who watches: an attached tap at its default rate, which reads all that it is sent.

Its rate is 100 requests a second, with three events each. What it costs in the control plane is not counted; what it
costs in the sidecars is.
"""

import threading
import time

import grpc

from meshcore.wire import tap_pb2, tap_pb2_grpc
from meshcore.wire.common_pb2 import Resource

RATE = 100.0
ATTACH_S = 0.5  # until the order has reached every sidecar


class Viewer:
    """One tap on a deployment, from now until `stop`."""

    def __init__(self, channel: grpc.Channel, name: str) -> None:
        target = Resource(kind="deployment", namespace="default", name=name)
        request = tap_pb2.ObserveRequest(targets=[target], max_rps=RATE, headers=True)
        self._call = tap_pb2_grpc.TapQueryStub(channel).Observe(request)
        self._events = 0
        self._failure = ""
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        time.sleep(ATTACH_S)
        self._since = time.monotonic()
        self._before = self._events

    def stop(self) -> None:
        """Detach; raises RuntimeError if it did not see about as much as it asked for."""
        seen, elapsed = self._events - self._before, time.monotonic() - self._since
        self._call.cancel()
        self._thread.join(5)
        if self._failure:
            raise RuntimeError(f"the tap failed: {self._failure}")
        if elapsed > 1 and seen < RATE * elapsed:
            raise RuntimeError(f"the tap saw {seen} events in {elapsed:.1f} s, and asked for {RATE:g} requests/s")

    def _watch(self) -> None:
        try:
            for response in self._call:
                self._events += len(response.events)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.CANCELLED:
                self._failure = str(error.details())
