"""Connections that carry streams: none that is over stays in use, whatever the loop says of its end."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agents.sidecar.engine.http2.connection import Connection
from agents.sidecar.host.h2carrier import Carrier
from agents.sidecar.host.h2fleet import Fleet
from agents.sidecar.state.endpoints import Endpoint
from tests.support.playbook import ME, SERVICE, Side


class Waiting:
    """Wants one stream."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.error = ""

    def carried(self, connection: Connection) -> bool:
        self.connection = connection
        return True

    def uncarried(self, error: str) -> None:
        self.error = error


async def _dialled(fleet: Fleet) -> None:
    await asyncio.gather(*fleet._tasks)


@pytest.mark.parametrize("told", [False, True])
async def test_a_dial_that_runs_out_of_time_just_as_it_is_made(monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    """Some loops close the connection then without a word to it; others do say so."""
    loop = asyncio.get_running_loop()
    made: list[Carrier] = []

    async def connect(factory: Callable[[], Carrier], *_: object, **__: object) -> None:
        carrier = factory()
        made.append(carrier)
        side: Any = Side(carrier)
        carrier.connection_made(side)
        if len(made) == 1:
            if not told:
                side.close = lambda: None
            raise TimeoutError

    monkeypatch.setattr(loop, "create_connection", connect)
    fleet = Fleet(loop, None, b"", None)  # type: ignore[arg-type]
    carriers = fleet.to(Endpoint("10.0.0.1", 80, peer=ME, service=SERVICE))
    first, second = Waiting(), Waiting()
    carriers.wait(first)
    await _dialled(fleet)
    assert first.connection is made[0].h2
    assert made[0].h2.closed
    assert not carriers.open
    assert carriers.current is None
    carriers.wait(second)
    await _dialled(fleet)
    assert second.connection is made[1].h2
    assert [carrier.h2.closed for carrier in made] == [True, False]
    fleet.abort()
