"""What `tap` says while, and if, it has no request to show. Nothing here may come in its way when it has."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from meshcore.client import stats
from meshcore.client.channel import Session
from meshcore.client.failure import ClientError
from meshcore.wire.common_pb2 import Resource
from meshtui.cli import output
from meshtui.cli.scope import heading
from meshtui.model.quiet import opaque

LOOK_S = 3.0  # so long without a request; then every so often, until there is something to say


@asynccontextmanager
async def explaining(
    session: Session, targets: Sequence[Resource], seen: Callable[[], bool], look_s: float = LOOK_S
) -> AsyncIterator[None]:
    """While the block lasts and nothing is seen, say once why that may be; at its end, that nothing was."""
    looking = asyncio.create_task(_look(session, targets, seen, look_s))
    try:
        yield
    finally:
        looking.cancel()
    if not seen():
        output.note(f"No requests seen for {heading(targets)}; TCP that is not HTTP shows in `meshtui stat`.")


async def _look(session: Session, targets: Sequence[Resource], seen: Callable[[], bool], look_s: float) -> None:
    while True:
        await asyncio.sleep(look_s)
        if seen():
            return
        try:
            answer = await stats.stat(session, stats.stat_request(targets))
        except ClientError:
            return  # who may see requests need not have the right to figures
        said = opaque(answer.rows)
        if said:
            output.note(f"Nothing to show so far: {said}. `meshtui stat` and `meshtui edges` have the figures.")
            return
