"""`python -m tests.bench`: CPU per request, latency and memory of our sidecars beside Envoy, in one run.

`make bench ROWS=… ROUNDS=… JSON=…` calls it. The default run takes less than three minutes.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.bench import tools
from tests.bench.process import Process, free_port, listens
from tests.bench.rows import ROWS, Row, measure
from tests.bench.table import render


def main() -> int:
    """Run the benchmark; returns the exit status: 2 if something has to be installed, 1 if requests failed."""
    args = parse()
    try:
        tools.envoy()
        for row in args.rows:
            tools.wrk() if row.port == "http" else tools.h2load()
    except tools.MissingError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="meshtui-bench-") as folder:
        rows = run(args.rows, args.rounds, args.seconds, Path(folder))
    print(render(rows))
    if args.json:
        machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}"
        Path(args.json).write_text(
            json.dumps({"machine": machine, "rounds": args.rounds, "rows": rows}, indent=2) + "\n"
        )
    return int(any(values["errors"] for row in rows for values in row["proxies"].values()))


def run(rows: list[Row], rounds: int, seconds: float, folder: Path) -> list[dict[str, object]]:
    """Measure each row behind one origin."""
    ports = {"http": free_port(), "grpc": free_port()}
    command = [sys.executable, "-m", "tests.bench.origin", str(ports["http"]), str(ports["grpc"])]
    origin = Process(command, folder / "origin.log")
    try:
        origin.wait_for(lambda: all(map(listens, ports.values())))
        return [measure(row, ports, rounds, seconds, folder, say) for row in rows]
    finally:
        origin.stop()


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    known = ",".join(row.name for row in ROWS)
    parser.add_argument("--rows", default=known, help=f"which rows, of {known}")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each measurement takes (4)")
    parser.add_argument("--json", metavar="FILE", help="write the result there as JSON")
    args = parser.parse_args()
    by_name = {row.name: row for row in ROWS}
    names = [name for name in (args.rows or known).split(",") if name]
    unknown = [name for name in names if name not in by_name]
    if unknown:
        parser.error(f"no row {unknown[0]}; there are {known}")
    if args.rounds < 1 or args.seconds < 1:
        parser.error("at least one round, of at least one second")
    args.rows = [by_name[name] for name in names]
    return args


if __name__ == "__main__":
    sys.exit(main())
