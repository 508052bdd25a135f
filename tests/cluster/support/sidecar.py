"""A sidecar beside a program of the test's, as one in a pod would be: it shows a service account's token."""

import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from meshcore.inject.names import AUDIENCE
from tests.cluster.support.control import free_port
from tests.cluster.support.mesh import DOMAIN, Mesh, module
from tests.cluster.support.wait import until


class _Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"hello\n"
        self.send_response(500 if self.path.startswith("/fail") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests say what went wrong."""


class Sidecar:
    """A workload that answers on `port` through its sidecar, which has its application at `origin`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, origin: int, admin: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.origin = origin
        self.admin = admin
        self.log = log

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        return self._status(self.admin, "/ready") == 200

    def call(self, path: str = "/") -> int:
        """Ask the workload through its sidecar, as a client without one; return the status."""
        return self._status(self.port, path)

    def _status(self, port: int, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                found: int = answer.status
                return found
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


@contextmanager
def workload(
    mesh: Mesh,
    namespace: str,
    name: str,
    pod: str,
    *,
    account: str = "default",
    token: str = "",
    ready: bool = True,
    speaks: tuple[int, int] | None = None,
    anchors: str = "",
) -> Iterator[Sidecar]:
    """A small web server with a sidecar that says it is this pod of this deployment; see versions.py for `speaks`.

    It trusts the mesh's anchors, or others.
    """
    folder = mesh.folder / pod
    folder.mkdir(exist_ok=True)
    file = folder / "token"
    file.write_text(token or mesh.cluster.token(namespace, account, audiences=[AUDIENCE]))
    origin = ThreadingHTTPServer(("127.0.0.1", 0), _Origin)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    port, admin = free_port(), free_port()
    config = {
        "namespace": namespace,
        "kind": "deployment",
        "name": name,
        "pod": pod,
        "service_account": account,
        "trust_domain": DOMAIN,
        "identity_address": mesh.settings.addresses.identity,
        "control_address": mesh.settings.addresses.control,
        "control_name": mesh.settings.addresses.name,
        "anchors_pem": anchors or mesh.anchors,
        "log_level": "info",
        "token_file": str(file),
        "admin": {"listen": f"127.0.0.1:{admin}"},
        "inbound": [{"name": "http", "port": origin.server_address[1], "listen": f"127.0.0.1:{port}"}],
    }
    (folder / "config.json").write_text(json.dumps(config))
    log = folder / "sidecar.log"
    with log.open("ab") as out:
        command = [*module("agents", speaks), "sidecar", "--config", str(folder / "config.json")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    found = Sidecar(process, port, int(origin.server_address[1]), admin, log)
    try:
        if ready:
            until(found.ready, 20, f"the sidecar of {pod}; its log is {log}")
        yield found
    finally:
        process.terminate()
        process.wait(20)
        origin.shutdown()
        origin.server_close()
