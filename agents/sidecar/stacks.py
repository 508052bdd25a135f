"""The two stacks: which stages a request passes, in which order, and why there. This page is the architecture.

A stage may look at a head (`on_head`), at an answer of our own (`on_refused`) and at the end (`on_end`); all hooks of
one moment run in the order of the list. Whoever adds a behaviour writes a file in stages/ and adds its line here.
"""

from random import random

from agents.sidecar.engine.stack import Stack
from agents.sidecar.stages.balance import Balance
from agents.sidecar.stages.limit import Limit
from agents.sidecar.stages.measure import Measure
from agents.sidecar.stages.route import Route
from agents.sidecar.stages.tap import Tap
from agents.sidecar.state.runtime import Runtime


def inbound_stack(runtime: Runtime) -> Stack:
    """What comes from others, to the application beside this sidecar."""
    return Stack(
        Measure(runtime.counters),  # first at the end: whoever shows a request needs its class
        Route(runtime.rules),  # under which name it is counted, and how long it may take
        Limit(runtime.counters, runtime.bounds),  # after all that a refusal is counted under
        Tap(runtime.taps),  # after all that says more about the request
    )


def outbound_stack(runtime: Runtime) -> Stack:
    """What the application sends to others."""
    return Stack(
        Measure(runtime.counters),  # first at the end, as above
        Route(runtime.rules),  # routes belong to the service, whichever endpoint is taken
        Limit(runtime.counters, runtime.bounds),  # before a place is taken at an endpoint
        Balance(random),  # only what really goes out takes an endpoint's place
        Tap(runtime.taps),  # after all that says more about the request, above all which endpoint it goes to
    )
