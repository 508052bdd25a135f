"""A kubeconfig means what it means to kubectl, and what is wrong with one is said with its place."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshcore.kube.credentials import Impersonation, TokenFile
from meshcore.kube.failure import KubeError
from meshcore.kube.kubeconfig import contexts, load_kubeconfig
from meshcore.kube.plugin import ExecPlugin


def config(context: str = "home", user: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    return {
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": f"c-{context}", "user": f"u-{context}"}}],
        "clusters": [{"name": f"c-{context}", "cluster": {"server": "https://api:6443", **cluster}}],
        "users": [{"name": f"u-{context}", "user": user or {}}],
    }


def write(path: Path, said: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(said if isinstance(said, str) else yaml.safe_dump(said))
    return path


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_what_a_context_means(tmp_path: Path) -> None:
    said = config(
        user={"client-certificate-data": encoded("CERT"), "client-key-data": encoded("KEY")},
        **{"certificate-authority-data": encoded("CA"), "tls-server-name": "inner", "proxy-url": "http://p:1"},
    )
    said["contexts"][0]["context"]["namespace"] = "shop"
    cluster = load_kubeconfig([write(tmp_path / "config", said)], environ={})
    assert cluster.server == "https://api:6443"
    assert (cluster.context, cluster.namespace, cluster.user) == ("home", "shop", "u-home")
    assert (cluster.ca, cluster.pair) == (b"CA", (b"CERT", b"KEY"))
    assert (cluster.tls_name, cluster.proxy, cluster.verify) == ("inner", "http://p:1", True)
    assert await cluster.credentials.headers() == ()


def test_the_first_file_decides_and_all_contribute(tmp_path: Path) -> None:
    one, two = config("one"), config("two", server="https://two")
    two["clusters"].append({"name": "c-one", "cluster": {"server": "https://shadowed"}})
    files = [write(tmp_path / "a", one), write(tmp_path / "b", two), write(tmp_path / "empty", "")]
    assert contexts(files) == (["one", "two"], "one")
    assert load_kubeconfig(files, environ={}).server == "https://api:6443"
    assert load_kubeconfig(files, "two", environ={}).server == "https://two"
    del one["current-context"]
    write(files[0], one)
    assert load_kubeconfig(files, environ={}).context == "two"


def test_files_are_relative_to_the_config_that_names_them(tmp_path: Path) -> None:
    write(tmp_path / "away/ca.pem", "CA")
    write(tmp_path / "away/token", "secret")
    write(tmp_path / "home/config", config("one"))
    said = config("two", {"tokenFile": "token", "token": "older"}, **{"certificate-authority": "ca.pem"})
    away = write(tmp_path / "away/config", said)
    cluster = load_kubeconfig([tmp_path / "home/config", away], "two", environ={})
    assert cluster.ca == b"CA"
    assert isinstance(cluster.credentials, TokenFile)
    assert cluster.credentials.path == tmp_path / "away/token"


def test_empty_fields_count_as_absent(tmp_path: Path) -> None:
    ca = str(write(tmp_path / "ca.pem", "CA"))
    said = config(None, **{"certificate-authority-data": "", "certificate-authority": ca, "proxy-url": ""})
    said["current-context"] = "home"
    said["contexts"][0]["name"] = "home"
    assert load_kubeconfig([write(tmp_path / "config", said)], environ={}).ca == b"CA"


def test_a_plugin_is_known_with_all_that_is_said_of_it(tmp_path: Path) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./bin/login",
        "args": ["--now"],
        "env": [{"name": "A", "value": "b"}],
        "provideClusterInfo": True,
        "installHint": "get\nit",
        "interactiveMode": "IfAvailable",
    }
    said = config(user={"exec": plugin}, **{"certificate-authority-data": encoded("CA")})
    path = write(tmp_path / "config", said)
    held = load_kubeconfig([path], environ={}, interactive=True).credentials
    assert isinstance(held, ExecPlugin)
    assert held.plugin.command == str(tmp_path / "bin/login")
    assert (held.plugin.args, held.plugin.env, held.plugin.install_hint) == (("--now",), {"A": "b"}, "get it")
    assert held.plugin.interactive
    assert held.plugin.cluster == {"server": "https://api:6443", "certificate-authority-data": encoded("CA")}
    plugin["interactiveMode"] = "Always"
    with pytest.raises(KubeError, match="must talk to a terminal"):
        load_kubeconfig([write(path, said)], environ={})


def test_whom_to_ask_as(tmp_path: Path) -> None:
    path = write(tmp_path / "config", config(user={"as": "boss", "as-groups": ["a"], "as-user-extra": {"k": ["v"]}}))
    assert load_kubeconfig([path], environ={}).impersonate == Impersonation("boss", ("a",), "", (("k", ("v",)),))
    jane = Impersonation("jane", ("b",))
    assert load_kubeconfig([path], impersonate=jane, environ={}).impersonate == jane


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library reads clocks as Python 3.12 would not
async def test_an_old_provider_is_refreshed_by_the_library(tmp_path: Path) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + 3600}).encode()).decode().rstrip("=")
    token = f"a.{claims}.c"
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
    cluster = load_kubeconfig([write(tmp_path / "config", config(user=user))], environ={})
    assert await cluster.credentials.headers() == (("Authorization", f"Bearer {token}"),)


@pytest.mark.parametrize(
    ("change", "why", "hint"),
    [
        (lambda c: c.update({"current-context": ""}), "no current context in", "--context"),
        (lambda c: c.update({"current-context": "hom"}), "there is no context 'hom' in", "did you mean home?"),
        (lambda c: c["clusters"].clear(), "there is no cluster, which context home means, 'c-home'", "get-contexts"),
        (lambda c: c["users"].clear(), "there is no user, whom context home means, 'u-home'", "get-contexts"),
        (lambda c: c["clusters"][0]["cluster"].clear(), "the cluster c-home in .* has no server", "add one"),
        (
            lambda c: c["clusters"][0]["cluster"].update({"certificate-authority": "/nowhere/ca"}),
            r"certificate-authority in .* cannot be read: No such file.*/nowhere/ca",
            "fetch",
        ),
        (
            lambda c: c["clusters"][0]["cluster"].update({"certificate-authority-data": "%%"}),
            "certificate-authority-data in .* is no base64",
            "fetch",
        ),
        (
            lambda c: c["users"][0]["user"].update({"client-certificate-data": "QQ=="}),
            "the user in .* has no client-key",
            "fetch",
        ),
        (lambda c: c["users"][0]["user"].update({"exec": {"command": "x"}}), "names no apiVersion", "add it"),
        *(
            (lambda c, server=server: c["clusters"][0]["cluster"].update(server=server), "no URL of one: ", "HOST:PORT")
            for server in ("https://h:99999", "https://h:x", "https://", "ftp://h", "https://ho st", "https://[::1")
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, change: Any, why: str, hint: str) -> None:
    said = config()
    change(said)
    with pytest.raises(KubeError, match=why) as caught:
        load_kubeconfig([write(tmp_path / "config", said)], environ={})
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["- a", "a: [", "just words", "clusters: [{cluster: {}}]\n---\nb: 1"])
def test_what_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    with pytest.raises(KubeError, match=r"is no kubeconfig"):
        load_kubeconfig([write(tmp_path / "config", text)], environ={})


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(KubeError, match="cannot be read: Is a directory"):
        load_kubeconfig([tmp_path], environ={})
