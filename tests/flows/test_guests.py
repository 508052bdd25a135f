"""Programs written by others join without a change: nginx → Flask → python -m http.server, through the mesh."""

import socket
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.shell import Shell, eventually
from tests.support.tools import need

FLASK = """
import os, urllib.request
from flask import Flask
app = Flask(__name__)

@app.get("/menu")
def menu():
    with urllib.request.urlopen(f"http://{os.environ['FILES']}/menu.txt", timeout=30) as answer:
        return answer.read()
"""
NGINX = """
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server { listen 127.0.0.1:LISTEN; location / { proxy_pass http://API; proxy_http_version 1.1; } }
}
"""
MESH = """
name: guests
namespace: kitchen
workloads:
  - name: files
    command: [PYTHON, -m, http.server, "${ports.http}", --bind, 127.0.0.1, --directory, FOLDER]
    ports: {http: auto}
    ready: {http: /menu.txt}
  - name: api
    command: [PYTHON, -m, flask, --app, FOLDER/menu.py, run, --port, "${ports.http}"]
    ports: {http: auto}
    env: {FILES: "${upstreams.files}"}
    upstreams: [files]
    ready: {tcp: true}
  - name: front
    directory: FOLDER
    command: [sh, -c, "sed s/API/$API_ADDR/ nginx.in > nginx.conf && exec NGINX -p . -c nginx.conf"]
    ports: {http: FRONT}
    upstreams: [api]
    ready: {tcp: true}
"""


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, int]]:
    nginx = need("nginx", "nginx-light")
    folder = tmp_path_factory.mktemp("guests")
    (folder / "menu.txt").write_text("soup\n")
    (folder / "menu.py").write_text(FLASK)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "nginx.in").write_text(NGINX.replace("LISTEN", str(port)))
    words = {"PYTHON": sys.executable, "FOLDER": str(folder), "NGINX": nginx, "FRONT": str(port)}
    text = MESH
    for word, value in words.items():
        text = text.replace(word, value)
    (folder / "mesh.yaml").write_text(text)
    shell = Shell(tmp_path_factory.mktemp("home"))
    shell.run("up", str(folder / "mesh.yaml"), "--detach")
    try:
        yield shell, port
    finally:
        shell.run("down")


def test_a_request_crosses_the_mesh_twice(front: tuple[Shell, int]) -> None:
    shell, port = front
    for _ in range(20):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/menu", timeout=30) as answer:
            assert answer.read() == b"soup\n"

    def edges() -> set[tuple[str, str]]:
        found = shell.ask("edges", "deploy", "-n", "kitchen")
        return {(edge["src"], edge["dst"]) for edge in found if edge["secured"] and edge["sent"]["requests"] >= 20}

    assert eventually(lambda: edges() == {("front", "api"), ("api", "files")}, 60)
    rows = shell.deployments("kitchen")
    assert rows["api"]["success"] == rows["files"]["success"] == 1
