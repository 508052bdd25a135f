import os
import socket

import pytest

from agents.launcher.ports import Ports, listening, occupied, reachable


def test_a_port_that_somebody_listens_on_is_occupied_and_its_owner_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reason = occupied(port)
        assert reason is not None
        assert reason.startswith("is in use by ")
        assert f"(pid {os.getpid()})" in reason
        assert listening()[port] == {"127.0.0.1"}
    assert occupied(port) is None


def test_a_listener_on_all_addresses_counts() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert occupied(server.getsockname()[1]) is not None


@pytest.mark.parametrize(
    ("addresses", "found"),
    [({"127.0.0.1"}, True), ({"0.0.0.0"}, True), ({"::"}, True), ({"::1"}, False), ({"::1", "127.0.0.1"}, True)],
)
def test_where_a_sidecar_finds_its_application(addresses: set[str], found: bool) -> None:
    assert reachable(addresses) is found


def test_free_ports_are_free_and_given_once() -> None:
    ports = Ports()
    free = [ports.free() for _ in range(20)]
    assert len(set(free)) == 20
    with socket.create_server(("127.0.0.1", free[0])):
        pass


def test_listeners_hold_their_clients_until_somebody_accepts() -> None:
    ports = Ports()
    one = ports.listen()
    with socket.create_connection(("127.0.0.1", one.port), timeout=1) as client:
        accepting = socket.socket(fileno=os.dup(one.fd))
        accepted, _ = accepting.accept()
        accepted.sendall(b"x")
        assert client.recv(1) == b"x"
        accepted.close()
        accepting.close()
    ports.close()
