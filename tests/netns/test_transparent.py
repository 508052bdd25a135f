"""Two pods with sidecars and one without, applications unaware: what redirect and original destination make of that.

Every test runs with both kinds of iptables, and those of the shared world with sidecars of several processes, too;
addresses are of both families.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meshcore.pki import authority
from meshcore.wire import common_pb2, stats_pb2, stats_pb2_grpc
from meshcore.wire.ids import join
from tests.netns.server import ECHO, GREETER, GRPC, SECURE, SKIPPED_IN, SKIPPED_OUT
from tests.support.mesh import new_authority
from tests.support.netns import INBOUND, OUTBOUND, ROOT, World

A, B = "spiffe://local/ns/default/sa/a", "spiffe://local/ns/default/sa/b"
HTTP = 8080
RULES = ("--skip-inbound-ports", str(SKIPPED_IN), "--skip-outbound-ports", str(SKIPPED_OUT))
families = pytest.mark.parametrize("version", [4, 6], ids=["IPv4", "IPv6"])


@pytest.fixture(scope="module")
def world(backend: str, workers: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(backend)
    key = authority.new_key()
    own = new_authority().issue(key.public_key(), "spiffe://elsewhere/ns/x/sa/y", datetime.now(UTC))
    (folder / "own.pem").write_bytes(authority.key_pem(key) + own.pem)
    with World(folder) as made:
        for number, pod in enumerate(("a", "b", "c"), start=1):
            made.pod(pod, number)
        for pod in ("b", "c"):
            made.start(pod, [sys.executable, "-m", "http.server", str(HTTP), "--bind", "::"], f"{pod}.http")
            server = [sys.executable, str(ROOT / "tests/netns/server.py"), pod, str(folder / "own.pem")]
            made.start(pod, server, f"{pod}.server")
            made.wait(lambda pod=pod: made.client(pod, "tcp", "::1", str(ECHO), "x").startswith(pod), f"{pod}.server")
            made.wait(lambda pod=pod: made.get(pod, f"http://[::1]:{HTTP}/") == "200", f"{pod}.http")
        for pod in ("a", "b"):
            made.redirect(pod, "--backend", backend, *RULES)
        made.sidecar("a", ports={}, workers=workers)
        made.sidecar("b", ports={"http": HTTP, "grpc": GRPC}, workers=workers, skip_inbound=str(SKIPPED_IN))
        yield made


class Counted:
    """How much a family of a sidecar's metrics grew within a block, for the series that carry certain labels."""

    def __init__(self, world: World, pod: str, family: str, **labels: str) -> None:
        self._world, self._pod, self._family = world, pod, family
        self._labels = [f'{name}="{value}"' for name, value in labels.items()]
        self._before = self._sum()

    def _sum(self) -> int:
        lines = [line for line in self._world.metrics(self._pod) if line.startswith(self._family + "{")]
        return sum(int(line.split()[-1]) for line in lines if all(label in line for label in self._labels))

    @property
    def grown(self) -> int:
        return self._sum() - self._before


def url(world: World, pod: str, version: int, path: str = "/") -> str:
    return f"http://{join(world.ip(pod, version), HTTP)}{path}"


@families
def test_http_between_sidecars_is_mutual_tls_with_both_identities(world: World, version: int) -> None:
    sent = Counted(world, "a", "request_total", direction="outbound", tls="true", server_id=B, dst_pod="b-0")
    received = Counted(world, "b", "request_total", direction="inbound", tls="true", client_id=A, target_port=str(HTTP))
    unproven = Counted(world, "b", "request_total", tls="no_identity")
    for _ in range(3):
        assert world.get("a", url(world, "b", version)) == "200"
    assert world.get("a", url(world, "b", version, "/missing")) == "404"
    assert (sent.grown, received.grown, unproven.grown) == (4, 4, 0)


@families
def test_grpc_between_sidecars(world: World, version: int) -> None:
    calls = Counted(world, "b", "response_total", tls="true", client_id=A, grpc_status="0", target_port=str(GRPC))
    place = join(world.ip("b", version), GRPC)
    assert world.client("a", "grpc", place, "hello") == "b: hello"
    assert world.client("a", "chat", place, "50") == "50"
    assert calls.grown == 2


@families
def test_opaque_bytes_between_sidecars(world: World, version: int) -> None:
    opened = Counted(world, "b", "tcp_open_total", tls="true", client_id=A, target_port=str(ECHO))
    own = world.ip("b", version)  # the application sees its own sidecar
    assert world.client("a", "tcp", own, str(ECHO), "hello") == f"b: hello from {own}"
    assert opened.grown >= 1  # the connection on the hop counts, too, when it is new


@families
def test_megabytes_both_ways(world: World, version: int) -> None:
    size = 32 << 20
    assert world.client("a", "bulk", world.ip("b", version), str(ECHO), str(size)) == str(size)


@families
def test_a_server_that_speaks_first(world: World, version: int) -> None:
    opened = Counted(world, "b", "tcp_open_total", tls="true", client_id=A, target_port=str(GREETER))
    began = time.monotonic()
    assert world.client("a", "tcp", world.ip("b", version), str(GREETER)) == "b greets"
    assert time.monotonic() - began < 5  # not the time that detection takes
    assert opened.grown >= 1


@families
def test_tls_of_the_applications_own_is_passed_on(world: World, version: int) -> None:
    meshed = Counted(world, "b", "tcp_open_total", tls="true", client_id=A, target_port=str(SECURE))
    foreign = Counted(world, "b", "tcp_open_total", tls="opaque", target_port=str(SECURE))
    left = Counted(world, "a", "meshtui_tls_passthrough_total", direction="outbound", server_name="own.example")
    came = Counted(world, "b", "meshtui_tls_passthrough_total", direction="inbound", server_name="own.example")
    assert world.client("a", "tls", world.ip("b", version), str(SECURE)) == "b greets"
    assert world.client("c", "tls", world.ip("b", version), str(SECURE)) == "b greets"
    assert (left.grown, came.grown) == (1, 1)  # what comes over the mesh was named where it began
    assert meshed.grown >= 1
    assert foreign.grown == 1


@families
def test_a_client_without_a_sidecar_is_served_and_counted_as_such(world: World, version: int) -> None:
    plain = Counted(world, "b", "request_total", tls="no_identity", no_tls_reason="no_tls_from_remote")
    opened = Counted(world, "b", "tcp_open_total", tls="no_identity", target_port=str(ECHO))
    assert world.get("c", url(world, "b", version)) == "200"
    assert world.client("c", "tcp", world.ip("b", version), str(ECHO), "x").startswith("b: x")
    assert (plain.grown, opened.grown) == (1, 1)


@families
def test_what_goes_to_a_pod_without_a_sidecar_passes_through(world: World, version: int) -> None:
    reason = "not_provided_by_service_discovery"
    sent = Counted(world, "a", "request_total", direction="outbound", tls="no_identity", no_tls_reason=reason)
    echo = join(world.ip("c", version), ECHO)
    opened = Counted(world, "a", "tcp_open_total", target_addr=echo, tls="no_identity", no_tls_reason=reason)
    assert world.get("a", url(world, "c", version)) == "200"
    assert world.client("a", "grpc", join(world.ip("c", version), GRPC), "hello") == "c: hello"
    assert world.client("a", "tcp", world.ip("c", version), str(ECHO), "x") == f"c: x from {world.ip('a', version)}"
    assert (sent.grown, opened.grown) == (2, 1)


@families
def test_the_address_decides_whatever_the_request_names(world: World, version: int) -> None:
    received = Counted(world, "b", "request_total", tls="true", client_id=A, target_port=str(HTTP))
    assert "Directory listing" in world.client("a", "http", url(world, "b", version), "c.default:8080")
    assert received.grown == 1


@families
def test_ports_that_are_skipped_see_no_sidecar(world: World, version: int) -> None:
    inbound = Counted(world, "b", "tcp_open_total", target_port=str(SKIPPED_IN))
    unmeshed = Counted(world, "a", "tcp_open_total", dst_pod="b-0", tls="no_identity")
    outbound = Counted(world, "a", "tcp_open_total", direction="outbound")
    b, a = world.ip("b", version), world.ip("a", version)
    assert world.client("a", "tcp", b, str(SKIPPED_IN), "x") == f"b: x from {a}"  # b's rules skip it, and a knows
    assert (inbound.grown, unmeshed.grown, outbound.grown) == (0, 1, 1)
    received = Counted(world, "b", "tcp_open_total", tls="no_identity", target_port=str(SKIPPED_OUT))
    assert world.client("a", "tcp", b, str(SKIPPED_OUT), "x") == f"b: x from {b}"  # a's rules skip it, b's do not
    assert (outbound.grown, received.grown) == (1, 1)


@families
def test_nothing_goes_round_in_circles(world: World, version: int) -> None:
    loopback = "127.0.0.1" if version == 4 else "::1"
    assert not world.get("c", f"http://{join(world.ip('b', version), INBOUND)}/").isdigit()
    assert not world.get("a", f"http://{join(loopback, OUTBOUND)}/").isdigit()
    assert not world.get("a", f"http://{join(world.ip('c', version), 1)}/").startswith("200")
    assert world.get("a", url(world, "b", version)) == "200"  # and the sidecars are as they were


@families
def test_a_pod_that_calls_itself_does_not_pass_its_sidecar(world: World, version: int) -> None:
    counted = Counted(world, "b", "request_total")
    assert world.get("b", url(world, "b", version)) == "200"
    assert world.get("b", f"http://[::1]:{HTTP}/") == "200"
    assert counted.grown == 0


@families
def test_writing_the_rules_twice_is_writing_them_once(world: World, backend: str, version: int) -> None:
    before = world.rules("a", backend, version)
    assert sum("REDIRECT" in rule for rule in before) == 2
    world.redirect("a", "--backend", backend, *RULES)
    assert world.rules("a", backend, version) == before
    assert world.get("a", url(world, "b", version)) == "200"


def test_there_are_as_many_processes_as_asked_for(world: World, workers: int) -> None:
    sidecars = [
        process.pid for process in world.processes if b"sidecar" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    ]
    assert len(sidecars) == 2
    for lead in sidecars:
        assert len(Path(f"/proc/{lead}/task/{lead}/children").read_text().split()) == workers - 1


def test_the_control_plane_shows_the_edges(world: World) -> None:
    assert world.get("a", url(world, "b", 4)) == world.get("c", url(world, "b", 4)) == "200"
    query = stats_pb2_grpc.StatsQueryStub(world.channel)
    found: dict[tuple[str, str], stats_pb2.Edge] = {}

    def shown() -> bool:
        answer = query.Edges(stats_pb2.EdgesRequest(kind="deployment", namespace="default"), timeout=30)
        found.update({(edge.src.name, edge.dst.name): edge for edge in answer.edges})
        plain = any(edge.tls == common_pb2.TLS_NONE for edge in found.values())
        return plain and ("a", "b") in found and found["a", "b"].received.success > 0

    world.wait(shown, "control")
    edge = found["a", "b"]
    assert (edge.src.identity, edge.dst.identity) == (A, B)
    assert edge.sent.success > 0


def test_a_sidecar_that_is_killed_is_missed_and_not_passed_by(backend: str, tmp_path: Path) -> None:
    with World(tmp_path) as world:
        for number, pod in enumerate(("a", "b"), start=1):
            world.pod(pod, number)
            world.redirect(pod, "--backend", backend)
        world.start("b", [sys.executable, "-m", "http.server", str(HTTP), "--bind", "::"], "b.http")
        world.sidecar("a", ports={})
        doomed = world.sidecar("b", ports={"http": HTTP})
        world.wait(lambda: world.get("a", url(world, "b", 4)) == "200", "b.http")
        doomed.kill()
        doomed.wait()
        plain = Counted(world, "a", "request_total", tls="no_identity")
        assert world.get("a", url(world, "b", 4)) in ("502", "503")
        world.sidecar("b", ports={"http": HTTP})
        received = Counted(world, "b", "request_total", tls="true", client_id=A)
        world.wait(lambda: world.get("a", url(world, "b", 4)) == "200", "a.proxy")
        assert received.grown >= 1
        assert plain.grown == 0


def test_without_a_control_plane_new_addresses_are_still_reached(backend: str, tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.pod("a", 1)
        world.pod("c", 3)
        world.start("c", [sys.executable, "-m", "http.server", str(HTTP), "--bind", "::"], "c.http")
        world.wait(lambda: world.get("c", f"http://[::1]:{HTTP}/") == "200", "c.http")
        world.redirect("a", "--backend", backend)
        world.sidecar("a", ports={})
        plane = world.processes[0]
        plane.terminate()
        plane.wait(10)
        sent = Counted(world, "a", "request_total", tls="no_identity", no_tls_reason="discovery_timeout")
        assert world.get("a", url(world, "c", 4)) == "200"
        assert sent.grown == 1


def test_nothing_is_left(backend: str, tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.pod("a", 1)
        world.redirect("a", "--backend", backend)
        world.sidecar("a", ports={})
        names, processes = list(world.namespaces), list(world.processes)
    assert all(process.returncode is not None for process in processes)
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert not any(name in listed.split() for name in names)
