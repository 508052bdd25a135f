"""Every local way to an upstream, with and without sidecars at either end, and one workload that joins later."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shell import Shell, eventually

CLIENT = """
import os, sys, time, urllib.request
url = os.environ["URL"]
while True:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            print(answer.status, flush=True)
    except OSError as error:
        print(error, flush=True)
    time.sleep(0.2)
"""
SERVER = """
import asyncio, sys

async def answer(reader, writer):
    while b"\\n" in await reader.readline():
        while (await reader.readline()).strip():
            pass
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    writer.close()

async def main():
    where = sys.argv[1]
    start = asyncio.start_unix_server(answer, where) if "/" in where else asyncio.start_server(answer, "::1", where)
    async with await start as server:
        await server.serve_forever()

asyncio.run(main())
"""
MESH = """
name: ways
namespace: shop
limits: {connections: 300, streams: 90}
workloads:
  - name: files
    command: ["${python}", -m, http.server, --bind, 127.0.0.1, "${ports.http}"]
    ports: {http: auto}
    routes: [{name: home, path: /}]
    limits: {connections: 200, waitingBytes: 64Mi}
  - name: plain
    mesh: false
    command: ["${python}", -m, http.server, --bind, 127.0.0.1, "${ports.http}"]
    ports: {http: auto}
  - name: blind
    command: ["${python}", -m, http.server, --bind, 127.0.0.1, "${ports.http}"]
    ports: {http: auto}
    opaque: [http]
  - name: socketed
    replicas: 2
    command: ["${python}", server.py, "${ports.http}"]
    ports: {http: "unix:${pod}.sock"}
    ready: {http: /}
  - name: six
    command: ["${python}", server.py, "${ports.http}"]
    ports: {http: "[::1]:auto"}
  - name: bare
    mesh: false
    command: ["${python}", server.py, "${ports.http}"]
    ports: {http: "[::1]:auto"}
    ready: {http: /}
  - {name: tosocket, command: ["${python}", client.py], upstreams: [socketed], env: {URL: "http://${upstreams.socketed}/"}}
  - {name: tosix, command: ["${python}", client.py], upstreams: [six], env: {URL: "http://${upstreams.six}/"}}
  - {name: tobare, command: ["${python}", client.py], upstreams: [bare], env: {URL: "http://${upstreams.bare}/"}}
  - {name: groping, command: ["${python}", client.py], upstreams: [blind], env: {URL: "http://${upstreams.blind}/"}}
  - {name: declared, command: ["${python}", client.py], upstreams: [files], env: {URL: "http://${upstreams.files}/"}}
  - {name: byproxy, command: ["${python}", client.py], proxy: true, env: {URL: "http://files/"}}
  - {name: outsider, command: ["${python}", client.py], mesh: false, upstreams: [files],
     env: {URL: "http://${upstreams.files}/"}}
  - {name: leaver, command: ["${python}", client.py], upstreams: [plain], env: {URL: "http://${upstreams.plain}/"}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ways")
    (folder / "client.py").write_text(CLIENT)
    (folder / "server.py").write_text(SERVER)
    (folder / "mesh.yaml").write_text(MESH)
    return folder


@pytest.fixture(scope="module")
def shell(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("home"))
    shell.run("up", str(folder / "mesh.yaml"), "--detach")
    try:
        yield shell
    finally:
        shell.run("down")


@pytest.mark.parametrize(
    "name", ["declared", "byproxy", "outsider", "leaver", "groping", "tosocket", "tosix", "tobare"]
)
def test_every_way_arrives(shell: Shell, name: str) -> None:
    assert eventually(lambda: shell.run("logs", name, "--tail", "5").split() == ["200"] * 5, 60)


def test_edges_are_secured_where_both_ends_have_a_sidecar_and_nowhere_else(shell: Shell) -> None:
    wanted = {
        ("declared", "files"): True,
        ("byproxy", "files"): True,
        ("127.0.0.1", "files"): False,
        ("leaver", "plain"): False,
        ("groping", "blind"): True,
        ("tosocket", "socketed"): True,
        ("tosix", "six"): True,
        ("tobare", "bare"): False,
    }

    def edges() -> dict[tuple[str, str], bool]:
        return {
            (edge["src"], edge["dst"]): bool(edge["secured"]) for edge in shell.ask("edges", "deploy", "-n", "shop")
        }

    assert eventually(lambda: edges() == wanted, 60), edges()


def test_sidecars_take_on_what_the_file_says(shell: Shell) -> None:
    admin = {each["pod"]: each["admin"] for each in json.loads(shell.run("ps", "-o", "json"))["instances"]}

    def limits(pod: str) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin[pod]}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        return {name: float(most) for name, most in re.findall(r'meshtui_limit{limit="(\w+)"} (\S+)', text)}

    mesh = {"connections": 300, "requests": 100_000, "streams": 90, "waiting_bytes": 256 << 20}
    assert limits("blind-0") == mesh
    assert limits("files-0") == {**mesh, "connections": 200, "waiting_bytes": 64 << 20}


def test_a_program_that_ends_well_is_done(shell: Shell) -> None:
    for word in ("once", "twice"):
        said = shell.run("run", "--name", "job", "--", sys.executable, "-c", f"print({word!r})")
        assert said.split() == [word]


def test_one_that_joins_later_is_a_workload_like_the_others(shell: Shell, folder: Path) -> None:
    words = ["run", "--name", "late", "--upstream", "files", "--env", "URL=http://${upstreams.files}/"]
    late = subprocess.Popen(
        [sys.executable, "-m", "meshtui", *words, "--", sys.executable, "client.py"],
        env=shell.environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert eventually(lambda: (shell.deployments("shop")["files"]["requests"] or {"samples": 0})["samples"] > 0, 60)
        assert eventually(
            lambda: any(
                edge["src"] == "late" and edge["secured"] for edge in shell.ask("edges", "deploy", "-n", "shop")
            ),
            60,
        )
        pod = shell.pods("shop")["late-0"]
        assert pod["identity"].endswith("/ns/shop/sa/late")
    finally:
        os.kill(late.pid, signal.SIGINT)
        assert late.wait(60) == 0
    assert eventually(lambda: "late-0" not in shell.pods("shop"), 60)


def test_a_tap_of_what_is_opaque_says_so_and_where_its_figures_are(shell: Shell) -> None:
    words = [sys.executable, "-m", "meshtui", "tap", "deploy/blind", "-n", "shop", "--duration", "10s"]

    def told() -> bool:
        done = subprocess.run(words, env=shell.environment, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == ""
        found = re.search(r"no HTTP reaches deployment/blind, but bytes: (\S+)/s read", done.stderr)
        return found is not None and found[1] != "0B" and "`meshtui stat`" in done.stderr

    assert eventually(told, 120)
