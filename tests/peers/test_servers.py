"""Redis, PostgreSQL and MariaDB behind sidecars: protocols that no sidecar understands, one whose server speaks first.

The launcher starts them on folders of the test's own; clients are those that come with them. No service is touched.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local import NAMESPACE, Local
from tests.support.shell import eventually
from tests.support.tools import absent, need

MIB = 1 << 20
ROOT = os.geteuid() == 0


def _run(*words: str, data: str | None = None, seconds: int = 30) -> str:
    done = subprocess.run(words, input=data, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mt-db-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _redis(folder: Path) -> list[str]:
    return [need("redis-server", "redis-server"), "--port", "${ports.main}", "--save", "", "--dir", str(folder)]


def _postgres(folder: Path) -> list[str]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        absent("initdb is missing: apt-get install postgresql")
    programs, data = found[-1].parent, folder / "postgres"
    data.mkdir()
    # It refuses to run as root.
    other = [need("setpriv", "util-linux"), "--reuid=postgres", "--regid=postgres", "--clear-groups"] if ROOT else []
    if ROOT:
        shutil.chown(data, "postgres", "postgres")
    _run(*other, str(programs / "initdb"), "-D", str(data), "-U", "me", "-A", "trust", "--no-sync")
    words = ["-D", str(data), "-k", str(data), "-c", "listen_addresses=127.0.0.1", "-F", "-p", "${ports.main}"]
    return [*other, str(programs / "postgres"), *words]


def _mariadb(folder: Path) -> list[str]:
    server, data = need("mariadbd", "mariadb-server"), folder / "mariadb"
    user = ["--user=root"] if ROOT else []
    _run(
        need("mariadb-install-db", "mariadb-server"), "--no-defaults", f"--datadir={data}", "--skip-test-db",
        "--auth-root-authentication-method=normal", *user,
    )  # fmt: skip
    return [
        server, "--no-defaults", f"--datadir={data}", f"--socket={data}/s", "--port=${ports.main}", *user,
        "--bind-address=127.0.0.1", "--skip-grant-tables", "--innodb-buffer-pool-size=8M",
        "--innodb-flush-log-at-trx-commit=0", "--max-allowed-packet=64M", f"--pid-file={data}/pid",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def mesh(folder: Path) -> Iterator[Local]:
    ready = {"tcp": True, "port": "main", "timeout": "30s"}
    shape = {"ports": {"main": "auto"}, "ready": ready}
    workloads = {
        "redis": {"command": _redis(folder), **shape},
        "postgres": {"command": _postgres(folder), **shape},
        "mariadb": {"command": _mariadb(folder), "opaque": ["main"], **shape},
    }
    with Local(workloads) as mesh:
        yield mesh


@pytest.fixture(params=["pair", "inbound"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def port(mesh: Local, way: str, name: str) -> str:
    return str(mesh.outbound(name) if way == "pair" else mesh.inbound(name))


def test_redis(mesh: Local, way: str) -> None:
    client = [need("redis-cli", "redis-tools"), "-p", port(mesh, way, "redis")]
    assert _run(*client, "ping") == "PONG\n"
    large = "x" * (8 * MIB)
    assert _run(*client, "-x", "set", "large", data=large) == "OK\n"
    assert _run(*client, "get", "large") == large + "\n"
    assert _run(*client, "--pipe", data="SET a 1\r\nINCR a\r\n" * 5000).splitlines()[-1] == "errors: 0, replies: 10000"
    assert _run(*client, "eval", "return redis.call('incr', 'a')", "0") == "3\n"


def test_postgres(mesh: Local, way: str) -> None:
    client = [need("psql", "postgresql-client"), "-h", "127.0.0.1", "-p", port(mesh, way, "postgres")]
    client += ["-U", "me", "-d", "postgres", "-Atq", "-v", "ON_ERROR_STOP=1"]
    assert _run(*client, "-c", "select 6 * 7") == "42\n"
    rows = "".join(f"{number}\t{'y' * 100}\n" for number in range(20_000))
    script = f"create temp table t (a int, b text);\ncopy t from stdin;\n{rows}\\.\nselect count(*), sum(a) from t;\n"
    assert _run(*client, data=script) == "20000|199990000\n"
    assert len(_run(*client, "-c", f"select repeat('z', {8 * MIB})")) == 8 * MIB + 1


def test_mariadb(mesh: Local, way: str) -> None:
    """Its server speaks first, and at once: nobody waits for the client to show what it speaks."""
    client = [need("mariadb", "mariadb-client"), "--no-defaults", "-h", "127.0.0.1", "-P", port(mesh, way, "mariadb")]
    client += ["--protocol=tcp", "-u", "root", "-N", "-B", "--max-allowed-packet=64M"]
    assert _run(*client, "-e", "select 6 * 7", seconds=5) == "42\n"
    assert len(_run(*client, "-e", f"select repeat('z', {8 * MIB})")) == 8 * MIB + 1


def test_they_are_counted_as_connections_with_mutual_tls(mesh: Local) -> None:
    def told() -> bool:
        edges = {
            edge["dst"]: edge for edge in mesh.shell.ask("edges", "deploy", "-n", NAMESPACE) if edge["src"] == "caller"
        }
        return all(edges[name]["secured"] for name in ("redis", "postgres", "mariadb"))

    assert eventually(told, 60)
    for name in ("redis", "postgres", "mariadb"):
        opened = [line for line in mesh.metrics(name).splitlines() if line.startswith("tcp_open_total")]
        assert any('tls="true"' in line for line in opened), opened
