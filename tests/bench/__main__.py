"""`python -m tests.bench`: what a request costs in our sidecars, beside Envoy and HAProxy, in one run.

`make bench` calls it (ROWS, ROUNDS, JSON). The default run takes about fifteen minutes, and four more where the
programs of a cluster are (cluster.py); a few ROWS take a minute each.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill
from typing import Any

from tests.bench import cluster, readme, tools
from tests.bench.ahead import allowed
from tests.bench.envoy import Envoy
from tests.bench.haproxy import HAProxy
from tests.bench.linkerd import HELP, Linkerd
from tests.bench.machine import describe, machine, versions
from tests.bench.measure import Make, measure
from tests.bench.mesh import Mesh
from tests.bench.origin import KINDS
from tests.bench.process import Process, free_port, listens
from tests.bench.rows import ROWS, Row
from tests.bench.table import render
from tests.bench.verdicts import failures

CLUSTER = "cluster"  # the control plane's own row: endpoints to a thousand watchers, in a cluster of thousands of pods
MAKES: dict[str, Make] = {make.name: make for make in (Mesh, Envoy, HAProxy, Linkerd)}


def main() -> int:
    """Run the benchmark; returns the exit status: 2 if something has to be installed, 1 if requests failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, too
    args = parse()
    # What is not kept between starts is compiled at each one, and a sidecar's memory would be the compiler's, too.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if args.result:
        result = json.loads(args.result.read_text())
    else:
        try:
            result = run(args.rows, args.peers, args.rounds, args.seconds) if args.rows else {}
            if args.cluster:
                result["cluster"] = cluster.run_rows()
        except tools.MissingError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
        if args.json:
            args.json.write_text(json.dumps(result, indent=1) + "\n")
    failed = [f"{name}: not measured: {why}" for name, why in result.get("failed", {}).items()]
    if rows := result.get("rows"):
        print(render(rows), fill(describe(result), 118), sep="\n")
        failed += [line for row in rows for line in failures(row)]
    if of_cluster := result.get("cluster"):
        print(cluster.render(of_cluster["rows"]), fill(cluster.describe(of_cluster), 118), sep="\n")
        failed += cluster.missed(of_cluster["rows"])
    if args.readme:
        readme.publish(result)
    print(*failed, sep="\n", end="\n" if failed else "", file=sys.stderr)
    return int(bool(failed))


def run(rows: list[Row], makes: list[Make], rounds: int, seconds: float) -> dict[str, Any]:
    """Measure each row behind one origin."""
    needed = [make.needs for make in makes if make.needs]
    if any(row.load == "http" for row in rows):
        needed.append(tools.wrk)
    if any(row.load == "grpc" for row in rows):
        needed.append(tools.h2load)
    result: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions([find() for find in needed]),
        "rounds": rounds,
        "seconds": seconds,
        "ahead": allowed(),
        "rows": [],
        "failed": {},
    }
    with tempfile.TemporaryDirectory(prefix="meshtui-bench-") as name:
        folder = Path(name)
        ports = {kind: free_port() for kind in KINDS}
        command = [sys.executable, "-m", "tests.bench.origin", *(f"{kind}={port}" for kind, port in ports.items())]
        origin = Process(command, folder / "origin.log")
        try:
            origin.wait_for(lambda: all(map(listens, ports.values())))
            for row in rows:
                try:
                    result["rows"].append(measure(row, makes, ports, origin, rounds, seconds, folder, say))
                except (OSError, RuntimeError) as error:  # the other rows are worth having
                    result["failed"][row.name] = str(error)
                    say(f"{row.name}  {error}")
        finally:
            origin.stop()
    return result


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [row.name for row in ROWS]
    rivals = [name for name in MAKES if name != Mesh.name]
    rows = [*names, CLUSTER]
    parser.add_argument("--rows", type=_listed(rows), help=f"which rows, of {','.join(rows)}")
    parser.add_argument("--peers", type=_listed([*rivals, "none"]), help=f"beside whom, of {','.join(rivals)}, or none")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each measurement takes (2)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the result there as JSON")
    parser.add_argument("--result", metavar="FILE", type=Path, help="measure nothing: show the result in this file")
    parser.add_argument("--readme", action="store_true", help="write the result into the README")
    args = parser.parse_args()
    if args.rounds < 1 or args.seconds < 1:
        parser.error("at least one round, of at least one second")
    lacking = cluster.missing()
    args.cluster = CLUSTER in args.rows if args.rows else not args.result and not lacking
    if args.cluster and lacking:
        parser.error(f"{CLUSTER}: {lacking}")
    args.rows = [row for row in ROWS if row.name in (args.rows or names)]
    given = [name for name in rivals if name != Linkerd.name or "LINKERD2_PROXY" in os.environ]
    args.peers = [MAKES[name] for name in (Mesh.name, *(args.peers or given)) if name != "none"]
    return args


def _listed(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no {unknown[0]}; there are {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    sys.exit(main())
