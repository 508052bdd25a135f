"""Which ports the control plane listens on: kept in `control.json`, so that a restarted one binds the same.

Sidecars are told the addresses once, when they start, and look for the control plane there for ever.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

# Below what Linux hands out for outgoing connections (32768 on), so that nobody takes a port while we are away.
PORTS = range(20_000, 32_000)
TRIES = 50
PATIENCE, PAUSE_S = 10, 0.2  # a predecessor that was killed may need a moment to let go of its port

Bind = Callable[[str], int]  # binds an address, returns its port; raises RuntimeError or OSError


@dataclass(frozen=True, slots=True)
class Addresses:
    """The two TLS listeners' addresses."""

    identity: str
    control: str


def recall(file: Path) -> Addresses | None:
    """Return the addresses of the run before, if there was one."""
    try:
        known = json.loads(file.read_text())
        return Addresses(str(known["identity"]), str(known["control"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(file: Path, addresses: Addresses, **more: object) -> None:
    """Write the addresses whole or not at all."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(json.dumps({**asdict(addresses), **more}, indent=2) + "\n")
    fresh.replace(file)


async def bind(
    before: str,
    listen: Bind,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    *,
    ip: str = "127.0.0.1",
) -> str:
    """Bind the address of the run before, if it was on this IP, else a free one; return it."""
    host = f"[{ip}]" if ":" in ip else ip
    for _ in range(PATIENCE if before.startswith(f"{host}:") else 0):
        with suppress(RuntimeError, OSError):
            if listen(before):
                return before
        await pause(PAUSE_S)
    tries = [f"{host}:{port}" for port in random.sample(PORTS, TRIES)]
    tries.append(f"{host}:0")
    for address in tries:
        with suppress(RuntimeError, OSError):
            if port := listen(address):
                return f"{host}:{port}"
    raise OSError(f"no port is free on {ip}")
