"""The mesh's own header names: which are ours, and the line that names a client."""

import pytest

from agents.sidecar.engine.headers import CLIENT_HEADER, ERROR_HEADER, client_line, reserved
from agents.sidecar.state.peers import Peer


@pytest.mark.parametrize("name", [CLIENT_HEADER, ERROR_HEADER, b"MESHTUI_Client_Id", b"meshtui.x", b"meshtui-"])
def test_ours(name: bytes) -> None:
    assert reserved(name)


@pytest.mark.parametrize("name", [b"meshtui", b"meshtuix", b"x-meshtui-error", b"meshtu-i", b""])
def test_not_ours(name: bytes) -> None:
    assert not reserved(name)


def test_only_who_has_proven_something_is_named() -> None:
    client = Peer(identity="spiffe://local/ns/default/sa/web")
    assert client_line(client) == b"meshtui-client-id: spiffe://local/ns/default/sa/web\r\n"
    assert client_line(Peer(name="web", address="10.0.0.1:1")) == b""
