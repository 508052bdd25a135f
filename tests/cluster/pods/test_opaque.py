"""Protocols that no sidecar understands: real databases, and a server that speaks first, all over mutual TLS.

Redis and PostgreSQL are on ports that the mesh leaves alone by default, the greeter on one that an annotation names.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from meshcore.inject import names
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.people import meshtui
from tests.cluster.support.wait import until
from tests.cluster.tools.images import DATABASES, POSTGRES

GREETER, WORD = 7000, "220 ready"
SERVERS = {"redis": 6379, "postgres": 5432, "greeter": GREETER}
COMMANDS = {
    "redis": "exec redis-server --save '' --protected-mode no --dir /tmp",
    "postgres": f"{POSTGRES}/initdb -D /tmp/data -U me -A trust --no-sync && "
    "echo 'host all all all trust' >> /tmp/data/pg_hba.conf && "
    f"exec {POSTGRES}/postgres -D /tmp/data -k /tmp -F -c listen_addresses='*'",
    "greeter": f"exec nc -ll -p {GREETER} -e sh -c 'echo {WORD}; read word; echo heard $word'",
    "client": "exec sleep 100000",
}
# By a command in the pod: a connection from outside is taken by the sidecar, whether there is an application or not.
READY = {
    "redis": "redis-cli ping",
    "postgres": f"{POSTGRES}/pg_isready -h 127.0.0.1",
    "greeter": f"echo me | nc -w 2 127.0.0.1 {GREETER} | grep heard",
}
PORTS = {names.OPAQUE_PORTS: str(GREETER)}
Run = Callable[..., str]


def workload(name: str) -> Iterator[dict[str, Any]]:
    """Yield a deployment of one pod, and its Service where it serves."""
    port = SERVERS.get(name)
    labels = {"app": name}
    notes = PORTS if port == GREETER else {}
    container: dict[str, Any] = {
        "name": "app",
        "image": DATABASES,
        "command": ["sh", "-c", COMMANDS[name]],
        "securityContext": {"runAsUser": 999, "runAsGroup": 999},
    }
    if port is not None:
        container["ports"] = [{"containerPort": port}]
        probe = {"exec": {"command": ["sh", "-c", READY[name]]}, "periodSeconds": 1, "timeoutSeconds": 10}
        container["readinessProbe"] = probe
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "annotations": notes},
            "spec": {"selector": labels, "ports": [{"port": port}]},
        }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": notes},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    }


@pytest.fixture(scope="module")
def place(mesh: Cluster, databases: None) -> Iterator[str]:
    """A namespace of an injected client and injected servers."""
    with mesh.namespace("opaque") as namespace:
        mesh.kubectl("annotate", "namespace", namespace, f"{names.INJECT}={names.ENABLED}")
        mesh.apply(*(each for name in COMMANDS for each in workload(name)), namespace=namespace)
        for name in COMMANDS:
            mesh.ready_pods(namespace, f"app={name}", 1, 120)
        yield namespace


@pytest.fixture(scope="module")
def run(mesh: Cluster, place: str) -> Run:
    """Run a command in the client's pod."""
    (pod,) = mesh.ready_pods(place, "app=client", 1)

    def call(*words: str, stdin: str = "") -> str:
        # What is read by nobody, as by a client that gave up, would hold up the end.
        whole = ["sh", "-c", 'cat > /tmp/in; "$@" < /tmp/in', "sh", *words]
        return mesh.kubectl("exec", "-i", pod.metadata.name, "-n", place, "-c", "app", "--", *whole, stdin=stdin)

    return call


def redis(run: Run, *words: str, stdin: str = "") -> str:
    return run("redis-cli", "-h", "redis", *words, stdin=stdin)


def psql(run: Run, *words: str, stdin: str = "") -> str:
    where = ("-h", "postgres", "-U", "me", "-d", "postgres")
    return run(f"{POSTGRES}/psql", *where, "-Atq", "-v", "ON_ERROR_STOP=1", *words, stdin=stdin)


def heard(run: Run) -> str:
    """Return what the greeter says: its greeting, and then its answer to a word that was said after it.

    Without the annotation, who waits for a client's first byte waits up to 10 s.
    """
    lines = "rm -f /tmp/say /tmp/heard; mkfifo /tmp/say /tmp/heard; exec 3<>/tmp/heard 4<>/tmp/say"
    talk = f"nc greeter {GREETER} <&4 >&3 & read -r first <&3; echo me >&4; read -r next <&3; echo $first, $next"
    return run("timeout", "8", "sh", "-c", f"{lines}; {talk}")


def test_redis(run: Run) -> None:
    assert redis(run, "ping") == "PONG\n"
    large = "x" * (1 << 20)
    assert redis(run, "-x", "set", "large", stdin=large) == "OK\n"
    assert redis(run, "get", "large") == large + "\n"
    said = redis(run, "--pipe", stdin="SET a 1\r\nINCR a\r\n" * 1000)
    assert said.splitlines()[-1] == "errors: 0, replies: 2000"


def test_postgresql(run: Run) -> None:
    rows = "".join(f"{number}\t{'y' * 100}\n" for number in range(5_000))
    script = f"create temp table t (a int, b text);\ncopy t from stdin;\n{rows}\\.\nselect count(*), sum(a) from t;\n"
    assert psql(run, stdin=script) == "5000|12497500\n"


def test_a_server_that_speaks_first_is_heard_at_once(run: Run) -> None:
    assert heard(run) == f"{WORD}, heard me\n"


def test_they_are_seen_as_connections_with_mutual_tls(mesh: Cluster, place: str, run: Run) -> None:
    seeing = mesh.user("seeing", namespace=place)
    mesh.bind("meshtui-view", "user:seeing", place)

    def seen(verb: str) -> list[dict[str, Any]]:
        done = meshtui(verb, "deploy", "-o", "json", kubeconfig=seeing)
        return list(json.loads(done.stdout)) if done.returncode == 0 else []  # busy machines may not answer in time

    def told() -> bool:
        assert redis(run, "ping") == "PONG\n"
        assert psql(run, "-c", "select 6 * 7") == "42\n"
        assert heard(run) == f"{WORD}, heard me\n"
        edges = {edge["dst"]: edge for edge in seen("edges") if edge["src"] == "client"}
        rows = {row["name"]: row for row in seen("stat")}
        if not all(name in edges and name in rows and rows[name]["tcp_read_bytes_rate"] for name in SERVERS):
            return False
        for name in SERVERS:
            assert edges[name]["secured"] == 1.0
            assert rows[name]["rps"] is None  # bytes: no requests are made of them
            assert rows[name]["meshed"] == "1/1"
        return True

    until(told, 60, "the client's three edges, and bytes in three rows", every=1)
