"""What policy says about this workload's traffic: one stream, each message replaces the last."""

import logging

from agents.sidecar.feeds.line import Line
from agents.sidecar.feeds.uplink import Uplink
from agents.sidecar.state.rules import Rules
from meshcore.wire import policy_pb2


class Policy:
    """The policy feed of one sidecar."""

    def __init__(self, request: policy_pb2.PolicyRequest, rules: Rules, uplink: Uplink, log: logging.Logger) -> None:
        self._request = request
        self._rules = rules
        self._uplink = uplink
        self._log = log

    async def watch(self, line: Line) -> None:
        """Follow the policy; a session for Uplink.keep."""
        async with line.call("/meshtui.v1.Policy/Watch", policy_pb2.WorkloadPolicy) as call:
            await call.write(self._request.SerializeToString(), end=True)
            async for policy in call:
                self._uplink.heard("policy")
                self._rules.apply(policy)
                for reason in self._rules.refused:
                    self._log.warning("policy %d has a route that cannot be compiled: %s", policy.version, reason)
