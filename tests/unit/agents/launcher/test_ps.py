from types import SimpleNamespace

import pytest
import yaml

from agents.launcher import ps as command
from agents.launcher.ps import age, table
from agents.launcher.state import FAILING, RUNNING, LauncherState, PortState, State


def test_the_table_shows_what_is_wrong_below_its_row() -> None:
    web = State("shop", "deployment", "web", "web-0", phase=RUNNING, ready=True, pid=7, started_ms=1000)
    web.ports = [PortState("http", 8080, 41000)]
    bot = State("shop", "deployment", "bot", "bot-0", phase=FAILING, restarts=2, proxy_restarts=1, meshed=False)
    bot.message, bot.last_lines = "exit status 3, again in 1 s", ["boom"]
    assert table([web, bot], 13_000, wide=False) == [
        "NAMESPACE  POD    READY  STATUS   RESTARTS  MESHED  PID  AGE  ADDRESS",
        "shop       web-0  yes    Running  0         yes     7    12s  127.0.0.1:41000",
        "shop       bot-0  no     Failing  2 +1      no      -    -    -",
        "  └ exit status 3, again in 1 s",
        "    | boom",
    ]


def test_wide_adds_ports_sidecars_and_commands() -> None:
    web = State("shop", "deployment", "web", "web-0", proxy_pid=8, admin=4191, command="serve")
    web.ports = [PortState("http", 8080, 41000)]
    head, row = table([web], 0, wide=True)
    assert head.split()[-4:] == ["PORTS", "SIDECAR", "ADMIN", "COMMAND"]
    assert row.split()[-4:] == ["http:8080", "8", "127.0.0.1:4191", "serve"]


def test_sockets_and_other_addresses_show_as_what_they_are() -> None:
    web = State("shop", "deployment", "web", "web-0", command="serve", meshed=False)
    web.ports = [PortState("http", 8080, host="::1"), PortState("rpc", 41000, 41000, "unix:/run/web")]
    _, row = table([web], 0, wide=True)
    assert row.split()[-5:-3] == ["[::1]:8080,127.0.0.1:41000", "http:[::1]:8080,rpc:unix:/run/web"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0s"), (119, "119s"), (312, "5m12s"), (1800, "30m"), (3 * 3600, "3h"), (50 * 3600, "2d")],
)
def test_ages_are_kubectl_s(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [State(space, "deployment", "web", "web-0") for space in ("shop", "static")]
    launcher = LauncherState("1", 1, "shop", "mesh.yaml", 0, instances=states)
    monkeypatch.setattr(command, "find", lambda _: SimpleNamespace(name="shop"))
    monkeypatch.setattr(command, "load", lambda _: [launcher])


@pytest.mark.usefixtures("shop")
def test_one_namespace_in_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.ps(None, "yaml", "static") == 0
    (only,) = yaml.safe_load(capsys.readouterr().out)["instances"]
    assert (only["namespace"], only["pod"]) == ("static", "web-0")


@pytest.mark.usefixtures("shop")
def test_a_namespace_nobody_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.ps(None, "table", "statik") == 2
    assert capsys.readouterr().err == "unknown namespace 'statik'; did you mean static?\n"
