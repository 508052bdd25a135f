"""The cluster that is meant is the one kubectl would take."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from meshcore.kube import cluster, find
from meshcore.kube.credentials import Impersonation, TokenFile
from meshcore.kube.failure import KubeError
from meshcore.kube.find import find_cluster, kubeconfig_files
from meshcore.kube.plugin import ExecPlugin


def test_files_by_flag_by_list_and_at_home(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    home = tmp_path / ".kube/config"
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    environ = {"HOME": str(tmp_path), "KUBECONFIG": f"{a}:/nowhere:{b}:{a}"}
    assert kubeconfig_files(b, environ) == [Path(b)]
    assert kubeconfig_files(None, environ) == [Path(a), Path(b)]
    del environ["KUBECONFIG"]
    assert kubeconfig_files(None, environ) == []
    home.parent.mkdir()
    home.touch()
    assert kubeconfig_files(None, environ) == [home]
    with pytest.raises(KubeError, match="there is no kubeconfig /nowhere"):
        kubeconfig_files("/nowhere", environ)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "account"
    folder.mkdir()
    for name, text in (("token", "t"), ("ca.crt", "CA"), ("namespace", "mesh\n")):
        (folder / name).write_text(text)
    monkeypatch.setattr(cluster, "SERVICE_ACCOUNT", folder)
    monkeypatch.setattr(cluster.from_pod, "__defaults__", (folder,))
    return folder


async def test_a_pod_asks_by_its_account(account: Path, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    jane = Impersonation("jane")
    for wanted in (True, None):
        found = await find_cluster(impersonate=jane, in_cluster=wanted, environ=environ)
        assert (found.server, found.namespace, found.ca) == ("https://[fd00::1]:443", "mesh", b"CA")
        assert isinstance(found.credentials, TokenFile)
        assert found.impersonate is jane
    with pytest.raises(KubeError, match="there is no kubeconfig"):
        await find_cluster(in_cluster=False, environ=environ)
    with pytest.raises(KubeError, match="there is no kubeconfig"):
        await find_cluster(context="home", environ=environ)


async def test_outside_a_pod_there_is_no_account(tmp_path: Path) -> None:
    with pytest.raises(KubeError, match="this is no pod"):
        await find_cluster(in_cluster=True, environ={})
    with pytest.raises(KubeError, match="service account cannot be read"):
        cluster.from_pod({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, tmp_path / "nothing")
    with pytest.raises(KubeError, match="none of /nowhere exists"):
        await find.find_cluster(environ={"KUBECONFIG": "/nowhere"})


@pytest.mark.parametrize("terminal", [True, False])
async def test_a_plugin_may_talk_only_where_there_is_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: terminal))
    config = tmp_path / "config"
    plugin = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: login}}"
    config.write_text(
        f"""{{current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}],
        clusters: [{{name: c, cluster: {{server: "https://api"}}}}], users: [{{name: u, user: {plugin}}}]}}"""
    )
    found = await find_cluster(str(config), interactive=True, environ={})
    assert isinstance(found.credentials, ExecPlugin)
    assert found.credentials.plugin.interactive is terminal
