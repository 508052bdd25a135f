import os
from pathlib import Path

from agents.launcher.state import FAILING, LauncherState, PortState, State, load, message, save
from meshcore.client.place import Place
from meshcore.wire.discovery_pb2 import Phase


def launcher(pid: int) -> LauncherState:
    web = State("shop", "deployment", "web", "web-0", ports=[PortState("http", 8080, 41000)], last_lines=["x"])
    return LauncherState(launcher=f"{pid}-1", pid=pid, mesh="shop", file="mesh.yaml", started_ms=1, instances=[web])


def test_states_are_read_back_from_launchers_that_live(tmp_path: Path) -> None:
    save(tmp_path / "launcher.json", launcher(os.getpid()))
    save(tmp_path / "launcher-1.json", launcher(4_000_000))
    (tmp_path / "launcher-2.json").write_text("half of a")
    assert load(Place("shop", tmp_path)) == [launcher(os.getpid())]
    assert not list(tmp_path.glob("*.tmp"))


def test_saving_into_a_folder_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    save(tmp_path / "gone" / "launcher.json", launcher(1))


def test_the_control_plane_is_told_where_to_dial_only_without_a_sidecar() -> None:
    state = State("shop", "deployment", "web", "web-0", phase=FAILING, ports=[PortState("http", 8080)], restarts=2)
    assert not message(state).ports
    state.meshed = False
    told = message(state)
    assert (told.phase, told.restarts, told.meshed) == (Phase.FAILING, 2, False)
    assert [(port.port, port.proxy_ip, port.proxy_port) for port in told.ports] == [(8080, "127.0.0.1", 8080)]


def test_settled_is_ready_or_failing_or_done() -> None:
    assert not State("a", "b", "c", "d").settled
    assert State("a", "b", "c", "d", phase=FAILING).settled
    assert State("a", "b", "c", "d", ready=True).settled
