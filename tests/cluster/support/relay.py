"""A network between somebody and an API server that a test can make slow, cut, freeze, or let flap.

It carries bytes and reads none of them: TLS goes through, and the server's certificate is good for any port of its
address. A kubeconfig whose server is `url` leads through it. It runs in a thread of its own.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = 1 << 16


class Relay:
    """One way to one port of this machine; each change holds for the connections that are open, too."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.taken = 0  # connections so far
        self.delay = 0.0  # seconds that each piece of an answer is late
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._cut = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._flapping: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End all connections, and each that is made from now on."""
        self._do(self._end)

    def mend(self) -> None:
        """Be a good network again."""
        self._do(self._mend)

    def freeze(self) -> None:
        """Carry nothing any more; connections stay open and are still accepted."""
        self._do(self._flowing.clear)

    def flap(self, up: float, down: float) -> None:
        """Be cut for `down` seconds, again and again, after `up` seconds each."""

        async def flapping() -> None:
            while True:
                await asyncio.sleep(up)
                self._end()
                await asyncio.sleep(down)
                self._cut = False

        def begin() -> None:
            self._flapping = self._loop.create_task(flapping())

        self._do(begin)

    def _do(self, what: object) -> None:
        done = threading.Event()

        def act() -> None:
            what()  # type: ignore[operator]
            done.set()

        self._loop.call_soon_threadsafe(act)
        assert done.wait(10), "the relay's thread has ended"

    def _end(self) -> None:
        self._cut = True
        for writer in self._open:
            writer.transport.abort()

    def _mend(self) -> None:
        if self._flapping is not None:
            self._flapping.cancel()
            self._flapping = None
        self._cut, self.delay = False, 0.0
        self._flowing.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        if self._cut:
            writer.transport.abort()
            return
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            self._open |= {writer, back}
            try:
                await asyncio.gather(self._pump(reader, back, late=False), self._pump(there, writer, late=True))
            finally:
                self._open -= {writer, back}
                writer.transport.abort()
                back.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        while piece := await reader.read(PIECE):
            if late and self.delay:
                await asyncio.sleep(self.delay)
            await self._flowing.wait()
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()


@contextmanager
def relay(target: int) -> Iterator[Relay]:
    """A relay to a port, for as long as the block."""
    found, ready = Relay(target), threading.Event()
    thread = threading.Thread(target=found._run, args=(ready,), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found
    finally:
        found._loop.call_soon_threadsafe(found._loop.stop)
        thread.join(10)
