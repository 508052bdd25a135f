"""The loads: who generates them, and what they report as one Outcome.

As fast as answers come: wrk for HTTP/1.1, h2load for unary gRPC, the generator beside this file for the rest. At a
fixed rate always that generator, because it alone is open-loop for every dialect.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.bench import tools
from tests.bench.rows import Row
from tests.bench.words import HTTP_PATH, REPLY, REQUEST, UNARY

CONNECTIONS = 32
CLIENTS, STREAMS = 4, 8  # of HTTP/2: connections, and calls open on each
PACED = {"grpc": (CLIENTS, 100), "stream": (CLIENTS, STREAMS)}  # connections and depth; otherwise 32 and 1
CLOSED = {"stream": (CLIENTS, STREAMS), "tcp": (CLIENTS, 4)}
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_HUGE = 1 << 18  # bodies from which on a few connections keep everything busy


class NoAnswerError(RuntimeError):
    """A load generator heard nothing at all."""


class Outcome(NamedTuple):
    """What a load generator saw."""

    requests: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float
    p999_ms: float = 0.0  # 0: not told
    said: str = ""  # of an error
    late_p99_ms: float = 0.0  # of the generator itself, at a fixed rate


def closed(row: Row, port: int, seconds: float, folder: Path) -> Outcome:
    """Load a port as fast as answers come; once more if none came, as when a busy machine starved a short load."""
    try:
        return _closed(row, port, seconds, folder)
    except NoAnswerError:
        return _closed(row, port, seconds, folder)


def _closed(row: Row, port: int, seconds: float, folder: Path) -> Outcome:
    if row.load == "http":
        return _wrk(port, seconds, row.size, folder)
    if row.load == "grpc":
        return _h2load(port, seconds, folder)
    return _generate(row, port, seconds, *CLOSED.get(row.load, (CONNECTIONS, 1)))


def paced(row: Row, port: int, seconds: float) -> Outcome:
    """Load a port at the fixed rate, ahead of the machine's other work where that is allowed."""
    return _generate(row, port, seconds, *PACED.get(row.load, (CONNECTIONS, 1)), "--ahead", rate=row.rate)


def _generate(row: Row, port: int, seconds: float, connections: int, depth: int, *more: str, rate: int = 0) -> Outcome:
    command = [
        sys.executable, "-m", "tests.bench.generator", row.load, str(port), "--seconds", f"{seconds:g}",
        "--rate", str(rate), "--connections", str(connections), "--depth", str(depth), "--size", str(row.size),
        *more,
    ]  # fmt: skip
    return read_generator(_run(command, seconds))


def _wrk(port: int, seconds: float, size: int, folder: Path) -> Outcome:
    connections = CONNECTIONS if size < _HUGE else CLIENTS
    command = [tools.wrk(), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    if size:
        script = folder / "body.lua"
        script.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("b", {size})\n')
        command += ["-s", str(script)]
    return read_wrk(_run([*command, f"http://127.0.0.1:{port}{HTTP_PATH}"], seconds))


def _h2load(port: int, seconds: float, folder: Path) -> Outcome:
    body, log = folder / "request.bin", folder / "h2load.log"
    body.write_bytes(REQUEST)
    log.unlink(missing_ok=True)
    command = [
        tools.h2load(), f"-c{CLIENTS}", f"-m{STREAMS}", f"-D{seconds:g}", "-t1", f"-d{body}", f"--log-file={log}",
        "-Hcontent-type: application/grpc", "-Hte: trailers", f"http://127.0.0.1:{port}{UNARY}",
    ]  # fmt: skip
    return read_h2load(_run(command, seconds), log.read_text() if log.exists() else "", seconds)


def _run(command: list[str], seconds: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def read_generator(text: str) -> Outcome:
    """Return what our own generator reports."""
    outcome = Outcome(**json.loads(text))
    if not outcome.requests:
        raise NoAnswerError(f"the generator got no answer: {outcome.said or 'nobody said why'}")
    return outcome


def read_wrk(text: str) -> Outcome:
    """Return what wrk's report says."""
    requests, seconds = int(_first(r"(\d+) requests in", text)), _first(r"requests in ([\d.]+(?:us|ms|s|m)),", text)
    if not requests:
        raise NoAnswerError(f"wrk got no answer: {' '.join(text.split())[-300:]}")
    errors = int(_first(r"Non-2xx or 3xx responses: (\d+)", text, "0"))
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors += sum(map(int, sockets.groups())) if sockets else 0
    return Outcome(requests, errors, _milliseconds(seconds) / 1000, _latency("50%", text), _latency("99%", text))


def read_h2load(text: str, log: str, seconds: float) -> Outcome:
    """Return what h2load's report and its log of requests say; percentiles are only in the log."""
    total, done, succeeded = (int(_first(rf"(\d+) {word}", text)) for word in ("total", "done", "succeeded"))
    failed = int(_first(r"(\d+) failed", text))
    rows = [line.split("\t") for line in log.splitlines()]
    # h2load looks at :status alone, and a failed gRPC call has 200: but it carries no message.
    replies = int(_first(r"(\d+)\) data", text)) // len(REPLY)
    times = sorted(int(row[2]) for row in rows if len(row) >= 3)
    bad = sum(row[1] != "200" for row in rows if len(row) >= 3)
    if not times or not total:
        raise NoAnswerError(f"h2load reports no requests: {' '.join(text.split())[-300:]}")
    errors = max(failed, bad, done - succeeded, done - replies)
    return Outcome(done, errors, seconds, _rank(times, 0.50), _rank(times, 0.99), _rank(times, 0.999))


def _rank(times_us: list[int], share: float) -> float:
    return times_us[min(len(times_us) - 1, int(share * len(times_us)))] / 1000


def _latency(which: str, text: str) -> float:
    return _milliseconds(_first(rf"(?m)^\s*{which}\s+([\d.]+(?:us|ms|s|m))$", text))


def _milliseconds(text: str) -> float:
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * _UNITS_MS[unit]


def _first(pattern: str, text: str, default: str | None = None) -> str:
    found = re.search(pattern, text)
    if found is None:
        if default is None:
            raise RuntimeError(f"no {pattern!r} in the report: {' '.join(text.split())[-300:]}")
        return default
    return found[1]
