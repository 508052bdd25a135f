"""A sidecar that cannot begin says so in one line."""

import json
import socket
import subprocess
import sys

import pytest

from agents.sidecar.main import UNLISTENED

ANCHOR = "-----BEGIN CERTIFICATE-----\n"


@pytest.mark.parametrize("taken", ["admin", "proxy"])
def test_an_address_that_is_taken_is_named(taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        listens = {"admin": "127.0.0.1:0", "proxy": "127.0.0.1:0"} | {taken: f"127.0.0.1:{port}"}
        config = {
            "namespace": "shop", "name": "web", "pod": "web-0", "trust_domain": "local", "token": "t",
            "identity_address": "127.0.0.1:1", "control_address": "127.0.0.1:1", "anchors_pem": ANCHOR,
            **{name: {"listen": listen} for name, listen in listens.items()},
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "agents", "sidecar", "--config", "-"],
            input=json.dumps(config).encode(), capture_output=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == UNLISTENED
    (line,) = done.stderr.decode().splitlines()
    assert "Address already in use" in line
    assert str(port) in line
