"""The loads: wrk for HTTP/1.1, h2load for unary gRPC. What they report becomes one Outcome."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.bench import tools

CONNECTIONS = 32  # of wrk
CLIENTS, STREAMS = 4, 8  # of h2load
PATH = "/bench.Echo/Unary"
REQUEST = b"\0\0\0\0\x20" + b"x" * 32
REPLY = b"\0\0\0\0\x20" + b"y" * 32
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class Outcome(NamedTuple):
    """What a load generator saw."""

    requests: int
    errors: int
    p50_ms: float
    p99_ms: float


def http1(port: int, seconds: float) -> Outcome:
    """Load an HTTP/1.1 port with small keep-alive requests."""
    command = [tools.wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", f"http://127.0.0.1:{port}/bench"]
    return read_wrk(_run(command, seconds))


def grpc(port: int, seconds: float, folder: Path) -> Outcome:
    """Load an HTTP/2 port with unary gRPC calls."""
    body, log = folder / "request.bin", folder / "h2load.log"
    body.write_bytes(REQUEST)
    log.unlink(missing_ok=True)
    command = [
        tools.h2load(), f"-c{CLIENTS}", f"-m{STREAMS}", f"-D{seconds:g}", "-t1", f"-d{body}", f"--log-file={log}",
        "-Hcontent-type: application/grpc", "-Hte: trailers", f"http://127.0.0.1:{port}{PATH}",
    ]  # fmt: skip
    return read_h2load(_run(command, seconds), log.read_text() if log.exists() else "")


def _run(command: list[str], seconds: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def read_wrk(text: str) -> Outcome:
    """Return what wrk's report says."""
    requests = int(_first(r"(\d+) requests in", text))
    errors = int(_first(r"Non-2xx or 3xx responses: (\d+)", text, "0"))
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors += sum(map(int, sockets.groups())) if sockets else 0
    return Outcome(requests, errors, _latency("50%", text), _latency("99%", text))


def read_h2load(text: str, log: str) -> Outcome:
    """Return what h2load's report and its log of requests say; percentiles are only in the log."""
    total, done, succeeded = (int(_first(rf"(\d+) {word}", text)) for word in ("total", "done", "succeeded"))
    failed = int(_first(r"(\d+) failed", text))
    rows = [line.split("\t") for line in log.splitlines()]
    # h2load looks at :status alone, and a failed gRPC call has 200: but it carries no message.
    replies = int(_first(r"(\d+)\) data", text)) // len(REPLY)
    times = sorted(int(row[2]) for row in rows if len(row) >= 3)
    bad = sum(row[1] != "200" for row in rows if len(row) >= 3)
    if not times or not total:
        raise RuntimeError(f"h2load reports no requests: {text.strip()[-300:]}")
    return Outcome(done, max(failed, bad, done - succeeded, done - replies), _rank(times, 0.50), _rank(times, 0.99))


def _rank(times_us: list[int], share: float) -> float:
    return times_us[min(len(times_us) - 1, int(share * len(times_us)))] / 1000


def _latency(which: str, text: str) -> float:
    value, unit = re.search(rf"^\s*{which}\s+([\d.]+)(us|ms|s|m)$", text, re.MULTILINE).groups()
    return float(value) * _UNITS_MS[unit]


def _first(pattern: str, text: str, default: str | None = None) -> str:
    found = re.search(pattern, text)
    if found is None:
        if default is None:
            raise RuntimeError(f"no {pattern!r} in the report: {text.strip()[-300:]}")
        return default
    return found[1]
