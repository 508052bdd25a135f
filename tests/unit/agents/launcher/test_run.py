import pytest

from agents.launcher.run import _ports


def test_ports_have_names_and_the_first_is_http() -> None:
    assert _ports(["8080", "9090", "sql=auto"]) == {"http": 8080, "port-9090": 9090, "sql": "auto"}
    assert _ports(["[::1]:80", "rpc=unix:/run/rpc"]) == {"http": "[::1]:80", "rpc": "unix:/run/rpc"}


@pytest.mark.parametrize("text", ["0", "70000", "http=", "http", "::1:80"])
def test_what_is_no_port_is_told_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no port; write 8080, http=8080, auto, "):
        _ports([text])
