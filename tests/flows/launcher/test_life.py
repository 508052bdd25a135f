"""A mesh begins, is looked at and ends, by every way there is; nothing outlives it."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.flows.launcher.launch import Launch, eventually

SERVER = 'command: ["${python}", -m, http.server, --bind, 127.0.0.1, "${ports.http}"]'
SHOP = f"""
name: shop
workloads:
  - name: web
    {SERVER}
    ports: {{http: auto}}
    replicas: 2
    ready: {{http: /}}
  - name: family
    command: "sleep 1000 & setsid sleep 1000 & sleep 1000"
"""


def settled(popen: "subprocess.Popen[str]") -> list[str]:
    """Read a launcher's lines until it has said that the mesh is up."""
    lines = []
    assert popen.stdout is not None
    for line in popen.stdout:
        lines.append(line.rstrip())
        if "ctrl-c ends it" in line:
            return lines
    raise AssertionError("\n".join(lines))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_mesh_and_all_it_started(launch: Launch, number: signal.Signals) -> None:
    popen = launch.start("up", launch.file(SHOP))
    lines = settled(popen)
    assert any("mesh shop is up: 3 of 3 ready" in line for line in lines), lines
    pods = launch.ps()
    assert set(pods) == {"web-0", "web-1", "family-0", "control-plane"}
    assert pods["web-0"]["meshed"]
    assert pods["web-0"]["ports"][0]["mesh"] > 0
    assert len(launch.processes()) > 8
    popen.send_signal(number)
    out, _ = popen.communicate(timeout=60)
    assert popen.returncode == 0
    assert f"mesh shop ends: {number.name}" in out
    launch.nothing_left()
    assert not (launch.home / "meshtui" / "shop").exists()


def test_a_killed_launcher_takes_all_along_and_its_folder_is_cleaned_up(launch: Launch) -> None:
    popen = launch.start("up", launch.file(SHOP.replace("setsid ", "")))
    settled(popen)
    popen.kill()
    popen.wait()
    launch.nothing_left()
    assert (launch.home / "meshtui" / "shop").exists()
    assert "no mesh runs here" in launch.run("ps").stderr
    assert not (launch.home / "meshtui" / "shop").exists()


def test_detached_it_survives_its_starter_and_down_ends_it(launch: Launch) -> None:
    file = launch.file(SHOP)
    started = launch.run("up", file, "--detach", start_new_session=True)
    assert started.returncode == 0, started.stderr
    assert "mesh shop is up: 3 of 3 ready" in started.stdout
    again = launch.run("up", file)
    assert again.returncode == 1
    assert again.stderr.startswith("a mesh named shop already runs (launcher pid")
    other = launch.run("up", file, "--mesh", "other", "--detach")
    assert other.returncode == 0, other.stderr
    assert "several meshes run: other, shop" in launch.run("ps").stderr
    assert launch.run("down", "--mesh", "other").stdout == "mesh other has ended\n"
    assert set(launch.ps()) == {"web-0", "web-1", "family-0", "control-plane"}
    assert launch.run("down").stdout == "mesh shop has ended\n"
    launch.nothing_left()
    assert launch.run("down").returncode == 1


def test_it_ends_with_the_process_that_owns_it(launch: Launch) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    started = launch.run("up", launch.file(SHOP), "--detach", "--owner-pid", str(owner.pid))
    assert started.returncode == 0, started.stderr
    owner.kill()
    owner.wait()
    launch.nothing_left()


def test_it_ends_when_its_owner_s_pipe_is_closed(launch: Launch) -> None:
    read_end, write_end = os.pipe()
    started = launch.run("up", launch.file(SHOP), "--detach", "--owner-fd", str(read_end), pass_fds=(read_end,))
    os.close(read_end)
    assert started.returncode == 0, started.stderr
    assert launch.processes()
    os.close(write_end)
    launch.nothing_left()


def test_one_that_will_not_end_is_made_to_and_a_second_signal_hurries(launch: Launch) -> None:
    stubborn = "name: shop\nworkloads:\n- {name: mule, command: \"trap '' TERM; while :; do sleep 0.1; done\"}\n"
    popen = launch.start("up", launch.file(stubborn))
    settled(popen)
    popen.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert popen.poll() is None
    began = time.monotonic()
    popen.send_signal(signal.SIGINT)
    popen.communicate(timeout=60)
    assert time.monotonic() - began < 8
    launch.nothing_left()


def test_what_is_refused_starts_nothing(launch: Launch) -> None:
    file = launch.file("workloads:\n- {name: web, command: a, upstreams: [emoji]}\n- {name: emojy, comand: b}\n")
    for more in ([], ["--detach"]):
        result = launch.run("up", file, *more)
        assert result.returncode == 2
        assert result.stdout == ""
        assert result.stderr == f"{file}:3: workloads[1].comand: unknown field; did you mean command?\n"
    assert not launch.processes()
    assert launch.run("up", launch.home / "none.yaml").stderr == f"{launch.home}/none.yaml: there is no such file\n"
    assert launch.run("up", "--nonsense").returncode == 2


def test_a_port_in_use_is_refused_with_its_owner(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = launch.file(f"workloads:\n- {{name: web, command: a, ports: {{http: {port}}}}}\n")
        result = launch.run("up", file)
    assert result.returncode == 2
    assert f"port {port} is in use by " in result.stderr
    assert f"(pid {os.getpid()})" in result.stderr
    assert not (launch.home / "meshtui" / "mesh").exists()


def test_one_that_fails_says_why_and_the_others_go_on(launch: Launch) -> None:
    file = launch.file(
        f"name: shop\nworkloads:\n- name: web\n  {SERVER}\n  ports: {{http: auto}}\n"
        "- {name: missing, command: [no-such-program]}\n"
        "- {name: dies, command: 'echo last words; exit 3'}\n"
        "- {name: folder, command: [ls], directory: '${env.XDG_RUNTIME_DIR}/nowhere'}\n"
        "- {name: done, command: 'exit 0', kind: job}\n"
    )
    started = launch.run("up", file, "--detach")
    assert started.returncode == 0
    assert "× default/missing-0: command not found: no-such-program, again in" in started.stdout
    assert "× default/dies-0: exit status 3, again in" in started.stdout
    assert "      | last words" in started.stdout
    pods = launch.ready("web-0")
    assert pods["done-0"]["phase"] == "Succeeded"
    assert pods["folder-0"]["message"].startswith("there is no folder")
    assert pods["dies-0"]["last_lines"][-1] == "last words"
    eventually(lambda: launch.states()["dies-0"]["restarts"] >= 2, "dies-0 is tried again")


def test_a_control_plane_that_cannot_start_is_said_at_once(launch: Launch) -> None:
    launch.environment["FAKE_CONTROL"] = "broken"
    result = launch.run("up", launch.file(SHOP))
    assert result.returncode == 1
    assert "the control plane does not start: exit status 5" in result.stderr
    assert "| cannot find my key" in result.stderr
    launch.nothing_left()
