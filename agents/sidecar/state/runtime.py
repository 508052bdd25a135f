"""The one runtime object of a sidecar process: made in main, passed once, read everywhere.

Frozen; what changes lives inside its parts. Types that would bring asyncio in here are protocols.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.sidecar.state.bounds import Bounds
from agents.sidecar.state.endpoints import Directory, EndpointSet
from agents.sidecar.state.others import Others
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.rules import Rules
from agents.sidecar.state.violations import Violations


class Draining(Protocol):
    """Whether the process is on its way out (agents.runtime.drain)."""

    @property
    def draining(self) -> bool: ...

    def begin(self) -> None: ...


@dataclass(frozen=True)
class Runtime:
    """Everything that a part of the sidecar may need of the others."""

    me: Peer
    boot_id: str
    counters: Any  # state/counters.Counters
    taps: Any  # state/taps.Taps
    certs: Any  # state/certs.Certs
    drain: Draining
    log: logging.Logger
    config: Any = None  # agents.runtime.config.SidecarConfig
    directory: Directory = field(default_factory=Directory)
    rules: Rules = field(default_factory=Rules)
    bounds: Bounds = field(default_factory=Bounds)
    others: Others = field(default_factory=Others)
    violations: Violations = field(default_factory=Violations)
    clock: Callable[[], float] = time.perf_counter

    def discover(self, target: str) -> EndpointSet:
        """Return the endpoints of a target; a new one is followed from now on."""
        return self.directory.discover(target)
