"""meshcore.kube against a real API server: kubeconfigs of every kind, and what it says when it will not."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meshcore.kube import failure, patch
from meshcore.kube.cluster import Cluster as Reached
from meshcore.kube.cluster import from_pod
from meshcore.kube.failure import KubeError
from meshcore.kube.objects import CONFIG_MAPS, PODS, STATEFUL_SETS, Kind
from meshcore.kube.session import Session, open_cluster
from tests.cluster.support.cluster import Cluster
from tests.cluster.tools.find import need_program

WHO = Kind("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False)


async def who(session: Session) -> dict[str, Any]:
    """Return who the API server takes us for."""
    said = {"apiVersion": WHO.api_version, "kind": WHO.kind}
    found: dict[str, Any] = (await session.create(WHO.path(), said))["status"]["userInfo"]
    return found


async def test_a_client_certificate(cluster: Cluster) -> None:
    async with open_cluster(str(cluster.user("jane", ["dev", "ops"])), environ={}) as session:
        assert session.where == f"{cluster.plane.url} (context test)"
        me = await who(session)
    assert me["username"] == "jane"
    assert me["groups"] == ["dev", "ops", "system:authenticated"]


async def test_asking_as_somebody_else(cluster: Cluster) -> None:
    async with open_cluster(str(cluster.plane.admin), as_user="joe", as_groups=["a", "b"], environ={}) as session:
        me = await who(session)
    assert me["username"] == "joe"
    assert me["groups"] == ["a", "b", "system:authenticated"]


async def test_objects_come_and_go(cluster: Cluster, namespace: str) -> None:
    path = CONFIG_MAPS.path(namespace, "one")
    async with open_cluster(str(cluster.plane.admin), environ={}) as session:
        made = await session.create(CONFIG_MAPS.path(namespace), CONFIG_MAPS.new("one", namespace, data={"a": "1"}))
        with pytest.raises(KubeError) as caught:
            await session.create(CONFIG_MAPS.path(namespace), CONFIG_MAPS.new("one", namespace))
        assert caught.value.code == failure.EXISTS
        await patch.merge(session, path, {"data": {"b": "2"}})
        with pytest.raises(KubeError) as caught:
            await session.update(path, made)  # of a version that is no more
        assert caught.value.code == failure.CONFLICT
        where = patch.pointer("data", "a")
        edited = await patch.edit(session, path, [patch.expect(where, "1"), patch.replace(where, "3")])
        assert edited["data"] == {"a": "3", "b": "2"}
        with pytest.raises(KubeError) as caught:
            await patch.edit(session, path, [patch.expect(where, "1"), patch.remove(where)])
        assert caught.value.code == failure.INVALID
        await session.delete(path)
        with pytest.raises(KubeError, match='configmaps "one" not found') as caught:
            await session.get(path)
        assert caught.value.code == failure.NOT_FOUND


async def test_what_is_applied_is_owned(cluster: Cluster, namespace: str) -> None:
    path = CONFIG_MAPS.path(namespace, "one")
    async with open_cluster(str(cluster.plane.admin), environ={}) as session:
        await patch.apply(session, path, CONFIG_MAPS.new("one", namespace, data={"a": "1", "b": "1"}))
        theirs = CONFIG_MAPS.new("one", namespace, data={"a": "2"})
        with pytest.raises(KubeError) as caught:
            await patch.apply(session, path, theirs, manager="somebody", force=False)
        assert caught.value.code == failure.CONFLICT
        left = await patch.apply(session, path, CONFIG_MAPS.new("one", namespace, data={"a": "1"}))
        assert left["data"] == {"a": "1"}  # what is not applied any more is gone


async def test_a_collection_in_pages(cluster: Cluster, namespace: str) -> None:
    async with open_cluster(str(cluster.plane.admin), environ={}) as session:
        for number in range(7):
            labels = {"even": "yes" if number % 2 == 0 else "no"}
            made = CONFIG_MAPS.new(f"c{number}", namespace)
            made["metadata"]["labels"] = labels
            await session.create(CONFIG_MAPS.path(namespace), made)
        listing = await session.list(CONFIG_MAPS.path(namespace), labels="even", page=3)
        even = await session.list(CONFIG_MAPS.path(namespace), labels="even=yes", page=3)
        one = await session.list(CONFIG_MAPS.path(namespace), fields="metadata.name=c4")
    assert [each["metadata"]["name"] for each in listing.items] == [f"c{number}" for number in range(7)]
    assert int(listing.version) > 0
    assert [len(even.items), len(one.items)] == [4, 1]


async def test_the_hint_of_a_refusal_is_what_helps(cluster: Cluster, namespace: str) -> None:
    async with open_cluster(str(cluster.account(namespace, "reader")), environ={}) as session:
        for path in (PODS.path(namespace), PODS.path()):
            with pytest.raises(KubeError) as caught:
                await session.list(path)
            assert caught.value.code == failure.FORBIDDEN
            words = caught.value.hint.partition("kubectl ")[2].split()
            cluster.kubectl(*words)
            async with asyncio.timeout(60):
                while True:
                    try:
                        await session.list(path)
                        break
                    except KubeError:
                        await asyncio.sleep(0.1)  # the authorizer learns of it by a watch of its own


async def test_an_api_that_is_not_installed(cluster: Cluster, namespace: str) -> None:
    path = f"/apis/observe.meshtui.dev/v1alpha1/namespaces/{namespace}/stats"
    async with open_cluster(str(cluster.plane.admin), environ={}) as session:
        with pytest.raises(KubeError, match="has no observe.meshtui.dev/v1alpha1") as caught:
            await session.get(path)
        assert (caught.value.code, caught.value.lost) == (failure.NO_SUCH_API, False)
        with pytest.raises(KubeError) as caught:
            await session.get("/apis/apps/v1/namespaces/default/nonsense")
        assert caught.value.code == failure.NO_SUCH_API


async def test_an_aggregated_api_whose_server_is_away(cluster: Cluster) -> None:
    name = "v1alpha1.observe.meshtui.dev"
    service = {"namespace": "default", "name": "nobody"}
    spec = {"group": "observe.meshtui.dev", "version": "v1alpha1", "service": service, "insecureSkipTLSVerify": True}
    made = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name}}
    cluster.apply({**made, "spec": {**spec, "groupPriorityMinimum": 1000, "versionPriority": 10}})
    try:
        async with open_cluster(str(cluster.plane.admin), environ={}) as session:
            async with asyncio.timeout(60):
                while True:
                    with pytest.raises(KubeError) as caught:
                        await session.get("/apis/observe.meshtui.dev/v1alpha1/stats")
                    if caught.value.code == failure.UNAVAILABLE:
                        break
                    await asyncio.sleep(0.1)
        assert caught.value.lost
        assert f"kubectl get apiservice {name}" in caught.value.hint
    finally:
        cluster.kubectl("delete", "apiservice", name)


async def test_credentials_that_have_expired(cluster: Cluster) -> None:
    over = cluster.user("late", until=datetime.now(UTC) - timedelta(minutes=1))
    nobody = cluster.plane.kubeconfigs.for_token("nobody", "made.up.token")
    for kubeconfig in (over, nobody):
        async with open_cluster(str(kubeconfig), environ={}) as session:
            with pytest.raises(KubeError) as caught:
                await session.get("/api/v1/nodes")
            assert caught.value.code == failure.UNAUTHENTICATED
            assert "log in again" in caught.value.hint or "fetch the kubeconfig again" in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"certificate-authority": "front-ca.crt"}, "is not trusted: (self-signed|unable to get local issuer)"),
        ({"tls-server-name": "elsewhere.example.org"}, "is not trusted: Hostname mismatch"),
    ],
)
async def test_a_server_that_is_not_who_it_should_be(cluster: Cluster, fields: dict[str, str], why: str) -> None:
    named = {
        name: str(cluster.plane.pki / value) if name == "certificate-authority" else value
        for name, value in fields.items()
    }
    async with open_cluster(str(cluster.user("jane", cluster=named)), environ={}) as session:
        with pytest.raises(KubeError, match=why) as caught:
            await session.get("/version")
    assert (caught.value.code, caught.value.lost) == (failure.TRUST, False)


@pytest.mark.parametrize(
    "fields", [{"tls-server-name": "kubernetes.default"}, {"insecure-skip-tls-verify": True, "tls-server-name": "x"}]
)
async def test_a_server_by_another_name(cluster: Cluster, fields: dict[str, Any]) -> None:
    async with open_cluster(str(cluster.user("jane", cluster=fields)), environ={}) as session:
        assert (await who(session))["username"] == "jane"


async def test_plain_http_to_a_port_of_tls(cluster: Cluster) -> None:
    server = {"server": cluster.plane.url.replace("https:", "http:")}
    async with open_cluster(str(cluster.user("jane", cluster=server)), environ={}) as session:
        with pytest.raises(KubeError, match="HTTP request to an HTTPS server"):
            await session.get("/version")


def plugin(folder: Path, says: Path) -> dict[str, Any]:
    """Return a kubeconfig's `exec` that prints a file."""
    program = folder / "plugin"
    program.write_text(f"#!{sys.executable}\nprint(open({str(says)!r}).read())\n")
    program.chmod(0o700)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program)}}


def credential(**status: str) -> str:
    said = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return json.dumps(said)


async def test_a_plugin_is_asked_again_when_the_server_refuses(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    says = tmp_path / "says"
    says.write_text(credential(token=cluster.token(namespace, "first")))
    kubeconfig = cluster.plane.kubeconfigs.write(f"exec-{namespace}", plugin(tmp_path, says))
    async with open_cluster(str(kubeconfig), environ={}) as session:
        assert (await who(session))["username"].endswith(":first")
        says.write_text(credential(token=cluster.token(namespace, "second")))
        assert (await who(session))["username"].endswith(":first")
        cluster.kubectl("delete", "serviceaccount", "first", "-n", namespace)  # which ends its tokens
        async with asyncio.timeout(60):
            while (await who(session))["username"].endswith(":first"):
                await asyncio.sleep(0.2)
        assert (await who(session))["username"].endswith(":second")


async def test_a_plugin_may_give_certificates_and_change_them(cluster: Cluster, tmp_path: Path) -> None:
    says = tmp_path / "says"

    def give(name: str, expires: str) -> None:
        certificate, key = cluster.plane.authority.sign(f"plugin-{name}", name)
        says.write_text(
            credential(
                clientCertificateData=certificate.read_text(),
                clientKeyData=key.read_text(),
                expirationTimestamp=expires,
            )
        )

    give("ann", "2001-01-01T00:00:00Z")  # over at once, so that it is asked each time
    kubeconfig = cluster.plane.kubeconfigs.write("exec-certificate", plugin(tmp_path, says))
    async with open_cluster(str(kubeconfig), environ={}) as session:
        assert (await who(session))["username"] == "ann"
        give("bob", "2101-01-01T00:00:00Z")
        assert (await who(session))["username"] == "bob"
        assert (await who(session))["username"] == "bob"


async def test_a_pods_account_and_its_rotated_token(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(cluster.plane.authority.pem)
    (tmp_path / "namespace").write_text(namespace)
    (tmp_path / "token").write_text(cluster.token(namespace, "one"))
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.plane.port)}
    session = Session(from_pod(environ, tmp_path))
    try:
        assert (await who(session))["username"] == f"system:serviceaccount:{namespace}:one"
        assert session.namespace == namespace
        (tmp_path / "token").write_text(cluster.token(namespace, "two"))
        cluster.kubectl("delete", "serviceaccount", "one", "-n", namespace)
        async with asyncio.timeout(60):
            while not (await who(session))["username"].endswith(":two"):
                await asyncio.sleep(0.2)
    finally:
        await session.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def tunnel() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that knows CONNECT; it notes whom it was asked for."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _version = head.split("\r\n")[0].split()
        assert method == "CONNECT"
        asked.append(head)
        host, _, port = target.rpartition(":")
        there = await asyncio.open_connection("127.0.0.1" if host == "cluster.example.org" else host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://user:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


async def test_through_the_kubeconfigs_proxy_and_the_environments(cluster: Cluster) -> None:
    away = {"server": f"https://cluster.example.org:{cluster.plane.port}", "tls-server-name": "localhost"}
    async with tunnel() as (url, asked):
        kubeconfig = cluster.user("jane", cluster={**away, "proxy-url": url})
        async with open_cluster(str(kubeconfig), environ={}) as session:
            assert (await who(session))["username"] == "jane"
        kubeconfig = cluster.user("joe", cluster=away)
        async with open_cluster(str(kubeconfig), environ={"HTTPS_PROXY": url}) as session:
            assert (await who(session))["username"] == "joe"
        assert len(asked) == 2
        assert all("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in head for head in asked)


@asynccontextmanager
async def socks() -> AsyncIterator[tuple[str, list[str]]]:
    """A SOCKS5 proxy (RFC 1928) without authentication, as `ssh -D` is one; it notes which names it was asked for."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _version, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        _version, command, _reserved, kind = await reader.readexactly(4)
        assert (command, kind) == (1, 3)  # connect, by name
        name = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        asked.append(name)
        there = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"socks5://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


async def test_through_a_socks_proxy_that_knows_the_name(cluster: Cluster) -> None:
    away = {"server": f"https://kubernetes.default.svc:{cluster.plane.port}"}  # a name that is unknown here
    async with socks() as (url, asked):
        async with open_cluster(str(cluster.user("jane", cluster={**away, "proxy-url": url})), environ={}) as session:
            assert (await who(session))["username"] == "jane"
        assert asked == ["kubernetes.default.svc"]
        distrusted = {"server": f"https://elsewhere:{cluster.plane.port}", "proxy-url": url}
        async with open_cluster(str(cluster.user("jane", cluster=distrusted)), environ={}) as session:
            with pytest.raises(KubeError, match="is not trusted: Hostname mismatch"):
                await session.get("/version")
    gone = {**away, "proxy-url": "socks5://127.0.0.1:1"}
    async with open_cluster(str(cluster.user("jane", cluster=gone)), environ={}) as session:
        with pytest.raises(KubeError, match="the SOCKS proxy on the way to .* does not lead there") as caught:
            await session.get("/version")
    assert caught.value.lost


async def test_a_proxy_that_is_not_there(cluster: Cluster) -> None:
    kubeconfig = cluster.user("jane", cluster={"proxy-url": "http://127.0.0.1:1"})
    async with open_cluster(str(kubeconfig), environ={}) as session:
        with pytest.raises(KubeError, match="the proxy on the way to .* cannot be reached"):
            await session.get("/version")


async def test_kubectl_and_we_read_the_same_files_alike(cluster: Cluster, tmp_path: Path) -> None:
    """The same KUBECONFIG list, contexts and users: kubectl's answer is the oracle."""
    kubeconfigs = cluster.plane.kubeconfigs
    ann, bob = (
        kubeconfigs.write(f"list-{name}", {"token": cluster.token("default", name)}, context=name)
        for name in ("ann", "bob")
    )
    for path in (ann, bob):  # the same names of clusters and users in both files: the first one's count
        assert "name: me" in path.read_text()
    environ = {"KUBECONFIG": f"{tmp_path / 'absent'}{os.pathsep}{bob}{os.pathsep}{ann}", "HOME": str(tmp_path)}
    for context in (None, "ann", "bob"):
        words = ["--context", context] if context else []
        done = subprocess.run(
            [need_program("kubectl"), *words, "auth", "whoami", "-o", "json"],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        expected = json.loads(done.stdout)["status"]["userInfo"]["username"]
        async with open_cluster(context=context, environ=environ) as session:
            assert (await who(session))["username"] == expected


async def test_many_questions_at_once_are_not_held_back(cluster: Cluster) -> None:
    async with open_cluster(str(cluster.plane.admin), environ={}) as session:
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(session.get(STATEFUL_SETS.path("default")) for _ in range(200)))
        took = asyncio.get_running_loop().time() - started
    assert took < 20  # a client that allows itself five a second takes forty


async def test_nobody_is_there(cluster: Cluster) -> None:
    session = Session(Reached(server="https://127.0.0.1:1", ca=cluster.plane.authority.pem))
    with pytest.raises(KubeError, match="cannot be reached: "):
        await session.get("/version")
    await session.close()
