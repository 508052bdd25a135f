"""A load generator for every dialect: at a fixed rate, or as fast as answers come.

`python -m tests.bench.generator DIALECT PORT --seconds S [--rate R]` prints one line of JSON. At a fixed rate it is
open-loop: questions fall due by the clock, whether or not the last were answered, and latency counts from when each
was due, so that a proxy that stalls is charged for all that it kept waiting. What the generator itself was late, since
it had no core when a question fell due, is in that, too, and told beside it.
"""

import argparse
import gc
import json
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.bench.ahead import ahead
from tests.bench.dialects import DIALECTS, Dialect, WrongAnswer

GRACE_S = 5.0  # for connections to open, and for what is unanswered at the end
READ = 1 << 18
Wait = Callable[[list[Any], list[Any], list[Any], float], tuple[list[Any], list[Any], list[Any]]]


class Line:
    """One connection."""

    def __init__(self, port: int, dialect: Dialect) -> None:
        self.dialect = dialect
        self.socket = socket.create_connection(("127.0.0.1", port), GRACE_S)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = b""  # what the socket did not take yet
        self.failed = False
        self.send(dialect.greet())

    def fileno(self) -> int:
        return self.socket.fileno()

    def ask(self, ticket: float) -> None:
        self.send(self.dialect.ask(ticket))

    def send(self, data: bytes) -> None:
        if self.waiting:
            self.waiting += data
        elif data:
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                sent = 0
            self.waiting = data[sent:]

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, b""
        self.send(waiting)

    def read(self) -> list[float]:
        """Return the tickets that were answered."""
        try:
            data = self.socket.recv(READ)
        except BlockingIOError:
            return []
        if not data:
            raise WrongAnswer("the connection was closed")
        done = self.dialect.hear(data)
        self.send(self.dialect.reply())
        return done


class Load:
    """All connections, and what became of what they asked."""

    def __init__(
        self, lines: list[Line], clock: Callable[[], float] = time.perf_counter, wait: Wait = select.select
    ) -> None:
        self.lines = lines
        self._clock = clock
        self._wait = wait
        self.latencies: list[float] = []
        self.late: list[float] = []  # at a fixed rate: how late each question was noticed to be due, our own doing
        self.errors = 0
        self.said = ""  # of the first error

    def run(self, seconds: float, rate: float) -> float:
        """Load for so long; returns the seconds that it took, until the last answer."""
        self._wait_while(lambda line: not line.dialect.free)
        if not self.lines or not all(line.dialect.free for line in self.lines):
            raise WrongAnswer(self.said or f"a connection was not open after {GRACE_S:g} s")
        begin = self._clock()
        if rate:
            self._paced(begin, round(seconds * rate), rate)
        else:
            self._closed(begin + seconds)
        self._wait_while(lambda line: line.dialect.unanswered)
        self.errors += sum(line.dialect.unanswered for line in self.lines)
        return self._clock() - begin

    def _wait_while(self, unfinished: Callable[[Line], object]) -> None:
        until = self._clock() + GRACE_S
        while any(map(unfinished, self.lines)) and self._clock() < until:
            self._turn(0.05)

    def _paced(self, begin: float, total: int, rate: float) -> None:
        """Ask so many questions, each when it is due, of the connections in turn."""
        due: deque[float] = deque()
        count = 0
        end = begin + total / rate + GRACE_S
        lines = deque(self.lines)
        while (count < total or due) and lines and (now := self._clock()) < end:
            while count < total and begin + count / rate <= now:
                due.append(begin + count / rate)
                self.late.append(now - due[-1])
                count += 1
            for _ in range(len(lines)):
                if not due:
                    break
                line = lines.popleft()
                if not line.failed:
                    lines.append(line)
                    if line.dialect.free:
                        self._try(line, line.ask, due.popleft())
            rest = begin + count / rate - self._clock() if count < total else 0.05
            self._turn(max(0.0, min(rest, 0.05)))
        self.errors += total - count + len(due)  # what could not be asked

    def _closed(self, until: float) -> None:
        """Have as many questions open as there may be."""
        while self.lines and (now := self._clock()) < until:
            for line in tuple(self.lines):
                while line.dialect.free and not line.waiting and not line.failed:
                    self._try(line, line.ask, now)
            self._turn(0.05)

    def _turn(self, seconds: float) -> None:
        """Wait so long for anything to happen, and take it in."""
        writers = [line for line in self.lines if line.waiting]
        readable, writable, _ = self._wait(self.lines, writers, [], seconds)
        for line in writable:
            self._try(line, line.flush)
        for line in readable:
            if done := self._try(line, line.read):
                now = self._clock()
                self.latencies += [now - ticket for ticket in done]

    def _try(self, line: Line, act: Callable[..., Any], *args: Any) -> Any:
        """Do something with a connection; one that fails is done with, and what it owes is counted."""
        if line.failed:
            return None
        try:
            return act(*args)
        except (OSError, WrongAnswer) as error:
            self.said = self.said or str(error)
            self.errors += 1 + line.dialect.unanswered
            line.failed = True
            self.lines.remove(line)
            line.socket.close()
            return None


def rank(ordered: list[float], share: float) -> float:
    """Return the value below which so large a share of ordered values lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(load: Load, seconds: float) -> dict[str, object]:
    """Return what is printed."""
    ordered, late = sorted(load.latencies), sorted(load.late)
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999}
    ranks = {name: rank(ordered, share) * 1000 if ordered else 0.0 for name, share in shares.items()}
    ranks["late_p99_ms"] = rank(late, 0.99) * 1000 if late else 0.0
    return {"requests": len(ordered), "errors": load.errors, "said": load.said, "seconds": seconds, **ranks}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.generator", description=__doc__)
    parser.add_argument("dialect", choices=DIALECTS)
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, default=0, help="questions a second; 0: as fast as answers come")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--depth", type=int, default=1, help="questions open at once on each connection")
    parser.add_argument("--size", type=int, default=0, help="of a body, or of a message")
    parser.add_argument("--ahead", action="store_true", help="run ahead of the machine's other work")
    args = parser.parse_args()
    make = DIALECTS[args.dialect]
    gc.disable()
    load = Load([Line(args.port, make(args.depth, args.size)) for _ in range(args.connections)])
    with ahead([os.getpid()] if args.ahead else []):
        seconds = load.run(args.seconds, args.rate)
    json.dump(report(load, seconds), sys.stdout)


if __name__ == "__main__":
    main()
