"""A person's kubeconfig, read as kubectl reads it, into a Cluster.

The files are read, merged and looked up with `kubernetes.aio`, which also refreshes the older auth providers. What it
does otherwise than kubectl stands here: the first file's current context counts, a plugin that fails is an error and
not an anonymous request, rotated tokens are read again, and keys are not left in files. Loaded only when a kubeconfig
is really read, for that import is as large as everything else in this room.
"""

import base64
import binascii
import copy
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubernetes.aio.client import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.kube_config import ConfigNode, FileOrData, KubeConfigLoader, KubeConfigMerger

from meshcore.kube.cluster import Cluster
from meshcore.kube.connector import is_socks
from meshcore.kube.credentials import (
    Credentials,
    Fixed,
    Impersonation,
    Provider,
    TokenFile,
    basic,
    bearer,
)
from meshcore.kube.failure import KUBECONFIG, KubeError
from meshcore.kube.plugin import ExecPlugin, Plugin
from meshcore.kube.proxy import proxy_for
from meshcore.kube.shape import read

_GAP = re.compile(r"\s")
CONTEXTS = "`kubectl config get-contexts` lists them"


def load_kubeconfig(
    files: list[Path],
    context: str | None = None,
    impersonate: Impersonation | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    interactive: bool = False,
) -> Cluster:
    """Return the cluster that a context of these files means, the current one unless named; raises KubeError.

    `interactive`: a plugin may talk to the terminal.
    """
    merger = Files(files)
    name = context or _current(merger)
    where = ", ".join(map(str, files))
    if not name:
        raise KubeError(
            f"no current context in {where}",
            "name one with --context, or `kubectl config use-context NAME`",
            code=KUBECONFIG,
        )
    chosen = _section(_named(merger, "contexts", name, "context", where), "context")
    cluster_name = chosen.safe_get("cluster") or ""
    cluster_node = _named(merger, "clusters", cluster_name, f"cluster, which context {name} means,", where)
    cluster = _section(cluster_node, "cluster")
    user_name = chosen.safe_get("user") or ""
    user_node = _named(merger, "users", user_name, f"user, whom context {name} means,", where) if user_name else None
    user = _section(user_node, "user") if user_node is not None else ConfigNode("user", {})
    server = _server(cluster, cluster_name)
    proxy = proxy_for(server, cluster.safe_get("proxy-url"), os.environ if environ is None else environ)
    if is_socks(proxy) and cluster.safe_get("tls-server-name"):
        raise KubeError(
            f"the cluster {cluster_name} has a tls-server-name and is behind a SOCKS proxy: the two do not go together",
            "reach it through an HTTP proxy, or by the name in its certificate",
            code=KUBECONFIG,
        )
    return Cluster(
        server=server,
        context=name,
        namespace=chosen.safe_get("namespace") or "default",
        user=user_name,
        ca=_material(cluster, "certificate-authority"),
        verify=not cluster.safe_get("insecure-skip-tls-verify"),
        tls_name=cluster.safe_get("tls-server-name") or None,
        proxy=proxy,
        pair=_pair(user),
        credentials=_credentials(merger, user, user_node, cluster, server, interactive),
        impersonate=impersonate if impersonate and impersonate.user else _impersonation(user, impersonate),
    )


def contexts(files: list[Path]) -> tuple[list[str], str]:
    """Return the names of all contexts, and the current one's."""
    merger = Files(files)
    return [node["name"] for node in merger.config.value["contexts"]], _current(merger)


class Files(KubeConfigMerger):
    """The library's merger, given its files one by one so that an error can name the file."""

    config_merged: Any

    def __init__(self, files: list[Path]) -> None:
        self.paths: list[str] = []
        self.config_files: dict[str, dict[str, Any]] = {}
        self.config_merged = None
        for path in files:
            try:
                if read(path.read_text(encoding="utf-8"), path) is not None:
                    self.load_config(str(path))  # type: ignore[no-untyped-call]
                    self.paths.append(str(path))
            except OSError as error:
                raise KubeError(
                    f"the kubeconfig {path} cannot be read: {error.strerror}", "see its mode and owner", code=KUBECONFIG
                ) from None
            except UnicodeDecodeError:
                raise KubeError(
                    f"{path} is no kubeconfig: it is no text in UTF-8", "fetch it again", code=KUBECONFIG
                ) from None
        if self.config_merged is None:
            raise KubeError(
                f"the kubeconfig is empty: {', '.join(map(str, files))}",
                "fetch it again, or name another with --kubeconfig or KUBECONFIG",
                code=KUBECONFIG,
            )
        self.config_saved = copy.deepcopy(self.config_files)


def _current(merger: Files) -> str:
    """Return the first file's current context that has one; the merger would take the last's."""
    named = (config.get("current-context") for config in merger.config_files.values())
    return next((each for each in named if each), "")


def _named(merger: Files, section: str, name: str, what: str, where: str) -> Any:
    nodes = merger.config.value[section]
    for node in nodes:
        if node.safe_get("name") == name:
            return node
    near = get_close_matches(name, [str(node.safe_get("name")) for node in nodes], 1)
    raise KubeError(
        f"there is no {what} {name!r} in {where}" if name else f"a {section[:-1]} has no name in {where}",
        f"did you mean {near[0]}? {CONTEXTS}" if near and section == "contexts" else CONTEXTS,
        code=KUBECONFIG,
    )


def _section(node: Any, name: str) -> Any:
    """Return what a named entry holds, without the empty fields, which count as absent."""
    held = node.value.get(name)
    fields = {key: value for key, value in held.items() if value not in (None, "")} if isinstance(held, dict) else {}
    return ConfigNode(f"{node.name}/{name}", fields, node.path)


def _server(cluster: Any, name: str) -> str:
    server = cluster.safe_get("server")
    if not server:
        raise KubeError(f"the cluster {name} in {cluster.path} has no server", "add one", code=KUBECONFIG)
    found = (server if "://" in server else f"https://{server}").rstrip("/")
    try:
        url = urlsplit(found)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0 and not _GAP.search(found)
    except ValueError:  # of the port, or of an IPv6 address
        usable = False
    if not usable:
        raise KubeError(
            f"the cluster {name} in {cluster.path} has a server that is no URL of one: {server}",
            "write it as https://HOST:PORT",
            code=KUBECONFIG,
        )
    return found


def _material(section: Any, name: str) -> bytes | None:
    """Return what a field says, by itself (NAME-data) or by a file."""
    try:
        data = FileOrData(section, name, file_base_path=str(Path(section.path or ".").absolute().parent)).as_data()
        return base64.b64decode(data, validate=True) if data else None
    except (OSError, ConfigException) as error:
        raise KubeError(
            f"{name} in {section.path} cannot be read: {getattr(error, 'strerror', None) or error}"
            f" ({section.safe_get(name)})",
            "fetch the kubeconfig again",
            code=KUBECONFIG,
        ) from None
    except (binascii.Error, UnicodeError, TypeError):
        raise KubeError(
            f"{name}-data in {section.path} is no base64", "fetch the kubeconfig again", code=KUBECONFIG
        ) from None


def _pair(user: Any) -> tuple[bytes, bytes] | None:
    certificate, key = _material(user, "client-certificate"), _material(user, "client-key")
    if bool(certificate) != bool(key):
        missing = "client-key" if certificate else "client-certificate"
        raise KubeError(f"the user in {user.path} has no {missing}", "fetch the kubeconfig again", code=KUBECONFIG)
    return (certificate, key) if certificate and key else None


def _credentials(merger: Files, user: Any, node: Any, cluster: Any, server: str, interactive: bool) -> Credentials:
    """Return who asks, by the order that kubectl has: a token's file, a token, a password, a plugin, a provider."""
    if path := user.safe_get("tokenFile"):
        return TokenFile(Path(user.path).absolute().parent / path)
    if token := user.safe_get("token"):
        return bearer(str(token))
    if user.safe_get("username"):
        return basic(str(user.safe_get("username")), str(user.safe_get("password") or ""))
    if "exec" in user:
        return ExecPlugin(_plugin(user, cluster, server, interactive))
    if "auth-provider" in user:
        return _provider(merger, node)
    return Fixed()


def _plugin(user: Any, cluster: Any, server: str, interactive: bool) -> Plugin:
    said = user.value["exec"]
    command, version = said.get("command"), said.get("apiVersion")
    if not command or not version:
        raise KubeError(
            f"exec in {user.path} names no {'apiVersion' if command else 'command'}", "add it", code=KUBECONFIG
        )
    mode = said.get("interactiveMode") or "IfAvailable"
    if mode == "Always" and not interactive:
        raise KubeError(
            f"the kubeconfig's plugin {command} must talk to a terminal (interactiveMode: Always)",
            "log in with it first, from a shell",
            code=KUBECONFIG,
        )
    if os.sep in command:  # as kubectl: relative to the file that names it
        command = str(Path(user.path).absolute().parent / command)
    return Plugin(
        command=command,
        args=tuple(map(str, said.get("args") or ())),
        env={each["name"]: str(each["value"]) for each in said.get("env") or ()},
        api_version=version,
        install_hint=" ".join(str(said.get("installHint") or "").split()),
        interactive=interactive and mode != "Never",
        cluster=_told(cluster, server) if said.get("provideClusterInfo") else None,
    )


def _told(cluster: Any, server: str) -> dict[str, Any]:
    """Return what a plugin is told of the cluster, as client.authentication.k8s.io has it."""
    ca = _material(cluster, "certificate-authority")
    told: dict[str, Any] = {"server": server}
    for name in ("tls-server-name", "insecure-skip-tls-verify", "proxy-url"):
        if cluster.safe_get(name):
            told[name] = cluster.safe_get(name)
    if ca:
        told["certificate-authority-data"] = base64.b64encode(ca).decode()
    for extension in cluster.value.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            told["config"] = extension.get("extension")
    return told


def _provider(merger: Files, user: Any) -> Provider:
    """Return the library's own refresh of an auth-provider; what it renews is written back, for it is renewed once."""
    alone = {
        "current-context": "only",
        "contexts": [{"name": "only", "context": {"cluster": "only", "user": user["name"]}}],
        "clusters": [{"name": "only", "cluster": {}}],
        "users": [user],
    }
    loader = KubeConfigLoader(
        ConfigNode("kubeconfig", alone, user.path),
        config_persister=lambda _config: merger.save_changes(),  # type: ignore[no-untyped-call]
    )

    async def ask() -> str:
        configuration = Configuration()
        await loader.load_and_set(configuration)
        return str(configuration.api_key["BearerToken"])

    return Provider(str(loader.provider), ask)


def _impersonation(user: Any, asked: Impersonation | None) -> Impersonation:
    """Return whom the kubeconfig asks as; groups asked for by hand stand in for the file's."""
    extra = user.safe_get("as-user-extra") or {}
    named = Impersonation(
        user=user.safe_get("as") or "",
        groups=tuple(user.value.get("as-groups") or ()),
        uid=user.safe_get("as-uid") or "",
        extra=tuple((name, tuple(values)) for name, values in extra.items()),
    )
    if asked is None or not (asked.groups or asked.uid or asked.extra):
        return named
    return Impersonation(named.user, asked.groups or named.groups, asked.uid or named.uid, asked.extra or named.extra)
