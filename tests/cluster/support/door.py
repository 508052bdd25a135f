"""What a Service is on a node, for control planes that are no pods: an address that leads to one that lives."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.cluster.support.control import free_port


class Door:
    """Leads connections to the first of `behind` that takes them; a connection stays with whom it was led to."""

    def __init__(self) -> None:
        self.port = free_port()
        self.behind: list[int] = []

    async def serve(self, stop: asyncio.Event) -> None:
        """Lead whoever comes, until told to stop."""
        server = await asyncio.start_server(self._lead, "127.0.0.1", self.port)
        await stop.wait()
        server.close()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in self.behind:
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
                return
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def doors(count: int) -> Iterator[list[Door]]:
    """Doors that are open."""
    found = [Door() for _ in range(count)]
    opened, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        serving = [asyncio.ensure_future(door.serve(stop)) for door in found]
        opened.set()
        await asyncio.gather(*serving)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    opened.wait(10)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()
