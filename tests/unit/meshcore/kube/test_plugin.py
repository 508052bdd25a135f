"""A program that gives credentials is run when it must be, and is named with what it said when it fails."""

import json
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meshcore.kube import plugin
from meshcore.kube.failure import KubeError
from meshcore.kube.plugin import ExecPlugin, Plugin


class Script:
    """A plugin that counts how often it ran, and prints what `says` holds."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "plugin"
        self.says = folder / "says"
        self.runs = folder / "runs"
        self.info = folder / "info"
        self.path.write_text(
            f"#!{sys.executable}\n"
            "import os, sys\n"
            f"open({str(self.runs)!r}, 'a').write('x')\n"
            f"open({str(self.info)!r}, 'w').write(os.environ['KUBERNETES_EXEC_INFO'])\n"
            f"print(open({str(self.says)!r}).read())\n"
            "sys.stderr.write('not logged in')\n"
            "sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)\n"
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    def say(self, version: str = "client.authentication.k8s.io/v1", **status: object) -> None:
        self.says.write_text(json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status}))

    def count(self) -> int:
        return len(self.runs.read_text())


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


async def test_a_plugin_runs_once_until_what_it_gave_expires(script: Script) -> None:
    now = 1000.0
    script.say(token="one\n", expirationTimestamp=datetime.fromtimestamp(2000, UTC).isoformat())
    held = ExecPlugin(Plugin(str(script.path), cluster={"server": "https://api"}), lambda: now)
    assert await held.headers() == (("Authorization", "Bearer one"),)
    assert await held.headers() == (("Authorization", "Bearer one"),)
    assert script.count() == 1
    now = 2000.0
    script.say(token="two")
    assert await held.headers() == (("Authorization", "Bearer two"),)
    assert await held.renew() is True
    assert script.count() == 3
    told = json.loads(script.info.read_text())
    assert told["spec"] == {"interactive": False, "cluster": {"server": "https://api"}}


async def test_a_plugin_may_give_a_certificate(script: Script) -> None:
    script.say(clientCertificateData="CERT", clientKeyData="KEY")
    held = ExecPlugin(Plugin(str(script.path)))
    assert await held.headers() == ()
    assert held.certificate() == (b"CERT", b"KEY")


async def test_a_plugin_that_fails_is_named_with_what_it_said(script: Script) -> None:
    script.say(token="one")
    with pytest.raises(KubeError, match="ended with 3: not logged in") as caught:
        await ExecPlugin(Plugin(str(script.path), ("3",), install_hint="run login")).headers()
    assert caught.value.hint == "run login"


@pytest.mark.parametrize(
    ("says", "why"),
    [  # in place of V1 stands the version that is expected
        ("", "printed no ExecCredential"),
        ("[]", "printed no ExecCredential"),
        ("[" * 100_000, "printed no ExecCredential"),
        ('{"apiVersion": "V1", "status": null}', "printed no ExecCredential with a status"),
        (
            '{"apiVersion": "V1", "status": {"clientCertificateData": "\\ud800", "clientKeyData": "a"}}',
            "printed no ExecCredential",
        ),
        ('{"apiVersion": "client.authentication.k8s.io/v1beta1", "status": {"token": "a"}}', "answered in .*v1beta1"),
        ('{"apiVersion": "V1", "status": {}}', "gave neither a token nor"),
        ('{"apiVersion": "V1", "status": {"clientKeyData": "a"}}', "gave neither a token"),
        (
            '{"apiVersion": "V1", "status": {"token": "a", "expirationTimestamp": "soon"}}',
            "that is no time: soon",
        ),
    ],
)
async def test_a_plugin_that_says_nothing_useful(script: Script, says: str, why: str) -> None:
    script.says.write_text(says.replace("V1", "client.authentication.k8s.io/v1"))
    with pytest.raises(KubeError, match=why):
        await ExecPlugin(Plugin(str(script.path))).headers()


async def test_a_plugin_that_is_not_installed(tmp_path: Path) -> None:
    plugin = Plugin(str(tmp_path / "nothing"), install_hint="brew install it")
    with pytest.raises(KubeError, match="cannot be started: No such file") as caught:
        await ExecPlugin(plugin).headers()
    assert caught.value.hint == "brew install it"


async def test_a_plugin_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "PLUGIN_S", 0.2)
    with pytest.raises(KubeError, match="gave nothing within"):
        await ExecPlugin(Plugin("sleep", ("60",))).headers()


def test_plugins_that_are_run_alike_are_the_same() -> None:
    assert ExecPlugin(Plugin("login")) == ExecPlugin(Plugin("login")) != ExecPlugin(Plugin("login", ("--other",)))
