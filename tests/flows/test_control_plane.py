"""The control plane's own process, asked over its real sockets by clients that behave as sidecars and launchers do."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meshcore.client.channel import Session, open_session
from meshcore.pki import authority
from meshcore.wire import (
    control_pb2,
    discovery_pb2,
    discovery_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
    policy_pb2,
    policy_pb2_grpc,
    stats_pb2,
    stats_pb2_grpc,
    tap_pb2,
    tap_pb2_grpc,
)
from meshcore.wire.common_pb2 import Peer

NAME = "control-plane.meshtui"
CONFIG = """\
namespace: shop
workloads:
  - name: web
    command: [web]
    ports: {http: 8080, db: 5432}
    opaque: [db]
    routes:
      - {name: list, method: GET, path: /list}
  - name: cart
    command: [cart]
    ports: {grpc: auto}
"""


class Process:
    """One control plane, in a folder."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        self.errors = folder.with_suffix(".log")
        command = [sys.executable, "-m", "meshcore", "--mesh", "test", "--dir", str(folder), *more]
        with self.errors.open("ab") as errors:
            self.child = subprocess.Popen(command, stderr=errors, stdout=errors, stdin=subprocess.DEVNULL)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.child.send_signal(number)
        return self.child.wait(10)


@contextmanager
def running(folder: Path, *more: str) -> Iterator[Process]:
    process = Process(folder, *more)
    try:
        yield process
    finally:
        process.child.kill()
        process.child.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mesh"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mesh.yaml"
    path.write_text(CONFIG)
    return path


@asynccontextmanager
async def session(folder: Path) -> AsyncIterator[Session]:
    async with open_session(folder / "control.sock", wait=10) as opened:
        yield opened


class Sidecar:
    """A client with a workload's certificate."""

    def __init__(self, account: str, issued: identity_pb2.IssueTokenResponse) -> None:
        self.account = account
        self.issued = issued
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.chain = b""

    def request(self, identity: str = "") -> bytes:
        names = [x509.UniformResourceIdentifier(identity or self.issued.identity)]
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        csr = builder.add_extension(x509.SubjectAlternativeName(names), critical=True).sign(self.key, hashes.SHA256())
        return csr.public_bytes(serialization.Encoding.DER)

    @property
    def anchors(self) -> bytes:
        return b"".join(_pem(anchor) for anchor in self.issued.trust.anchors)

    def channel(self, address: str, *, certificate: bool = True) -> grpc.aio.Channel:
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        credentials = grpc.ssl_channel_credentials(self.anchors, *((key, self.chain) if certificate else (None, None)))
        options = (
            ("grpc.ssl_target_name_override", NAME),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 300),
        )
        return grpc.aio.secure_channel(address, credentials, options)

    async def certify(self, token: str | None = None, identity: str = "") -> identity_pb2.CertifyResponse:
        async with self.channel(self.issued.identity_address, certificate=False) as channel:
            response = await identity_pb2_grpc.IdentityStub(channel).Certify(
                identity_pb2.CertifyRequest(
                    identity=identity or self.issued.identity,
                    token=self.issued.token if token is None else token,
                    csr=self.request(identity),
                ),
                timeout=5,
            )
        self.chain = b"".join(map(_pem, response.chain))
        return response

    def control(self) -> grpc.aio.Channel:
        return self.channel(self.issued.control_address)

    def instance(self, pod: str, port: int = 20001, **ports: int) -> discovery_pb2.Instance:
        return discovery_pb2.Instance(
            namespace="shop",
            kind="deployment",
            name=self.account,
            pod=pod,
            service_account=self.account,
            protocol=1,
            proxy_version="0.1.0",
            boot_id=pod,
            ports=[
                discovery_pb2.InstancePort(name=name, port=number, proxy_ip="127.0.0.1", proxy_port=port)
                for name, number in (ports or {"http": 8080}).items()
            ],
        )


async def sidecar(opened: Session, account: str) -> Sidecar:
    request = identity_pb2.IssueTokenRequest(namespace="shop", service_account=account, pod=f"{account}-0")
    made = Sidecar(account, await opened.identity.IssueToken(request))
    await made.certify()
    return made


@asynccontextmanager
async def registered(channel: grpc.aio.Channel, instance: discovery_pb2.Instance) -> AsyncIterator[grpc.aio.Call]:
    call = discovery_pb2_grpc.DiscoveryStub(channel).Register()
    await call.write(discovery_pb2.Registration(instance=instance))
    assert (await call.read()).protocol == 1
    try:
        yield call
    finally:
        call.cancel()


async def code_of(awaitable: object) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable  # type: ignore[misc]
    return caught.value.code()


async def test_a_sidecar_gets_its_certificate_and_renews_it(folder: Path) -> None:
    with running(folder):
        async with session(folder) as opened:
            assert (opened.hello.mesh, opened.hello.home) == ("test", "local")
            web = await sidecar(opened, "web")
            leaf = x509.load_pem_x509_certificates(web.chain)[0]
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            assert [name.value for name in names] == ["spiffe://local/ns/shop/sa/web"]
            assert await code_of(web.certify()) == grpc.StatusCode.UNAUTHENTICATED  # good once
            async with web.control() as channel:
                stub = identity_pb2_grpc.IdentityStub(channel)
                renewal = identity_pb2.CertifyRequest(identity=web.issued.identity, csr=web.request())
                assert len((await stub.Certify(renewal)).chain) == 2
                other = "spiffe://local/ns/shop/sa/cart"
                stolen = identity_pb2.CertifyRequest(identity=other, csr=web.request(other))
                assert await code_of(stub.Certify(stolen)) == grpc.StatusCode.PERMISSION_DENIED
                bundle = await stub.WatchTrust(identity_pb2.WatchTrustRequest()).read()
                assert list(bundle.anchors) == list(web.issued.trust.anchors)


async def test_the_control_port_takes_nobody_without_a_certificate(folder: Path) -> None:
    with running(folder):
        async with session(folder) as opened:
            web = await sidecar(opened, "web")
            async with web.channel(web.issued.control_address, certificate=False) as channel:
                watch = discovery_pb2_grpc.DiscoveryStub(channel).Watch(discovery_pb2.WatchRequest(target="web"))
                assert await code_of(watch.read()) == grpc.StatusCode.UNAVAILABLE
            async with web.channel(web.issued.identity_address) as channel:
                watch = discovery_pb2_grpc.DiscoveryStub(channel).Watch(discovery_pb2.WatchRequest(target="web"))
                assert await code_of(watch.read()) == grpc.StatusCode.UNIMPLEMENTED


async def test_strangers_cannot_keep_others_from_their_certificates(folder: Path) -> None:
    with running(folder):
        async with session(folder) as opened, AsyncExitStack() as stack:
            request = identity_pb2.IssueTokenRequest(namespace="shop", service_account="web", pod="web-0")
            web = Sidecar("web", await opened.identity.IssueToken(request))
            codes = []
            for _ in range(6):
                channel = web.channel(web.issued.identity_address, certificate=False)
                stub = identity_pb2_grpc.IdentityStub(await stack.enter_async_context(channel))
                for _ in range(15):  # a connection has 16 streams
                    call = stub.WatchTrust(identity_pb2.WatchTrustRequest())
                    try:
                        await call.read()
                    except grpc.aio.AioRpcError as error:
                        codes.append(error.code())
            assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED] * 26
            await web.certify()


async def test_nobody_speaks_for_another(folder: Path) -> None:
    with running(folder):
        async with session(folder) as opened:
            web = await sidecar(opened, "web")
            async with web.control() as channel:
                cart = web.instance("cart-0")
                cart.service_account = "cart"
                register = discovery_pb2_grpc.DiscoveryStub(channel).Register()
                await register.write(discovery_pb2.Registration(instance=cart))
                assert await code_of(register.read()) == grpc.StatusCode.PERMISSION_DENIED
                me = Peer(namespace="bank", kind="deployment", name="web", pod="web-0", service_account="web")
                push = stats_pb2_grpc.StatsStub(channel).Push()
                await push.write(stats_pb2.StatsReport(hello=stats_pb2.StatsHello(self=me, boot_id="b")))
                assert await code_of(push.read()) == grpc.StatusCode.PERMISSION_DENIED
                attach = tap_pb2_grpc.TapStub(channel).Attach()
                await attach.write(tap_pb2.TapReport(hello=tap_pb2.TapHello(self=me, boot_id="b")))
                assert await code_of(attach.read()) == grpc.StatusCode.PERMISSION_DENIED
                policy = policy_pb2_grpc.PolicyStub(channel).Watch(policy_pb2.PolicyRequest(namespace="bank"))
                assert await code_of(policy.read()) == grpc.StatusCode.PERMISSION_DENIED


async def test_changes_reach_watchers_at_once_and_nothing_is_sent_without_one(folder: Path) -> None:
    with running(folder):
        async with session(folder) as opened:
            web = await sidecar(opened, "web")
            async with web.control() as channel, web.control() as second:
                request = discovery_pb2.WatchRequest(target="web:http", namespace="shop")
                watch = discovery_pb2_grpc.DiscoveryStub(channel).Watch(request)
                first = await watch.read()
                assert (first.snapshot, first.exists) == (True, False)
                async with registered(channel, web.instance("web-0")) as call:
                    update = await watch.read()
                    assert not update.snapshot and update.exists
                    assert [one.peer.identity for one in update.put] == ["spiffe://local/ns/shop/sa/web"]
                    async with registered(second, web.instance("web-1", 20002)):
                        assert [one.peer.pod for one in (await watch.read()).put] == ["web-1"]
                        await call.write(discovery_pb2.Registration(instance=web.instance("web-0")))
                        await call.write(discovery_pb2.Registration(draining=True))
                        update = await watch.read()
                        assert (list(update.remove), list(update.put)) == (["shop/web-0/127.0.0.1:20001"], [])
                    assert list((await watch.read()).remove) == ["shop/web-1/127.0.0.1:20002"]
                assert not (await watch.read()).exists
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(watch.read(), 0.3)


async def test_policy_follows_its_file_and_survives_a_bad_edit(folder: Path, config: Path) -> None:
    with running(folder, "--config", str(config)) as process:
        async with session(folder) as opened:
            web = await sidecar(opened, "web")
            async with web.control() as channel:
                request = policy_pb2.PolicyRequest(namespace="shop", kind="deployment", name="web", pod="web-0")
                watch = policy_pb2_grpc.PolicyStub(channel).Watch(request)
                first = await watch.read()
                assert {port.port: port.opaque for port in first.inbound} == {0: False, 5432: True, 8080: False}
                config.write_text(CONFIG.replace("path: /list", "pathRegex: '(['"))
                async with asyncio.timeout(60):
                    while not (bad := await problems(opened)):
                        await asyncio.sleep(0.1)
                assert f"{config}:8: route list: pathRegex is no regular expression" in bad[0]
                config.write_text(CONFIG.replace("/list", "/all"))
                second = await asyncio.wait_for(watch.read(), 30)
                assert second.version > first.version
                assert second.inbound[-1].routes[0].matches[0].path_exact == "/all"
                assert not await problems(opened)
        assert "the last good policy stays in force" in process.errors.read_text()


async def problems(opened: Session) -> list[str]:
    answer = await opened.control.Check(control_pb2.CheckRequest())
    return [item.error for category in answer.categories for item in category.checks if item.error]


async def test_pods_join_launchers_and_sidecars(folder: Path) -> None:
    with running(folder):
        async with session(folder) as opened:
            web = await sidecar(opened, "web")
            report = opened.inventory.Report()
            unmeshed = discovery_pb2.InstanceStatus(
                namespace="shop", name="db", pod="db-0", phase="RUNNING", ready=True,
                ports=[discovery_pb2.InstancePort(name="sql", port=5432)],
            )  # fmt: skip
            meshed = discovery_pb2.InstanceStatus(
                namespace="shop", name="web", pod="web-0", phase="RUNNING", meshed=True, service_account="web"
            )
            await report.write(discovery_pb2.LauncherReport(launcher="up", instances=[unmeshed, meshed]))
            await report.read()
            async with web.control() as channel:
                stub = discovery_pb2_grpc.DiscoveryStub(channel)
                db = await stub.Watch(discovery_pb2.WatchRequest(target="db", namespace="shop")).read()
                assert [(one.ip, one.port, one.peer.identity) for one in db.put] == [("127.0.0.1", 5432, "")]
                async with registered(channel, web.instance("web-0")):
                    # connected, but its launcher has not seen it ready
                    view = await stub.Watch(discovery_pb2.WatchRequest(target="web", namespace="shop")).read()
                    assert view.exists and not view.put
                    rows = {pod.status.pod: pod for pod in (await opened.inventory.Pods(_all())).pods}
                    assert (rows["web-0"].uplink, rows["db-0"].meshed) == (True, False)
                    status = await opened.control.Status(control_pb2.StatusRequest())
                    assert (status.uplinks, status.expected, list(status.namespaces)) == (1, 1, ["shop"])
                await asyncio.sleep(0.1)
                rows = {pod.status.pod: pod for pod in (await opened.inventory.Pods(_all())).pods}
                assert (rows["web-0"].meshed, rows["web-0"].uplink) == (True, False)
                assert "no uplink from shop/web-0" in await problems(opened)


async def test_a_killed_control_plane_comes_back_with_its_addresses_and_trust(folder: Path) -> None:
    with running(folder) as killed:
        async with session(folder) as opened:
            web = await sidecar(opened, "web")
        before = json.loads((folder / "control.json").read_text())
        killed.end(signal.SIGKILL)
        with running(folder):
            async with session(folder) as opened, web.control() as channel:
                assert json.loads((folder / "control.json").read_text()) == before
                stub = discovery_pb2_grpc.DiscoveryStub(channel)
                report = opened.inventory.Report()
                status = discovery_pb2.InstanceStatus(
                    namespace="shop", name="web", pod="web-0", ready=True, meshed=True
                )
                await report.write(discovery_pb2.LauncherReport(launcher="up", instances=[status]))
                began = time.monotonic()
                watch = stub.Watch(discovery_pb2.WatchRequest(target="web", namespace="shop"), wait_for_ready=True)
                await asyncio.sleep(0.5)  # the sidecar of the target is a little slower
                async with registered(channel, web.instance("web-0")):
                    first = await watch.read()
                    assert [one.peer.pod for one in first.put] == ["web-0"]  # never an empty answer first
                    assert time.monotonic() - began < 20


async def test_a_port_that_was_taken_meanwhile_is_given_up(folder: Path) -> None:
    with running(folder) as killed:
        async with session(folder):
            before = json.loads((folder / "control.json").read_text())
        killed.end(signal.SIGKILL)
    host, _, port = before["control"].rpartition(":")
    with socket.create_server((host, int(port))), running(folder) as process:
        async with session(folder) as opened:
            web = await sidecar(opened, "web")
            assert web.issued.identity_address == before["identity"]
            assert web.issued.control_address != before["control"]
            async with web.control() as channel:
                await identity_pb2_grpc.IdentityStub(channel).WatchTrust(identity_pb2.WatchTrustRequest()).read()
        assert "a port was taken" in process.errors.read_text()


async def test_term_ends_it_quickly_with_streams_open(folder: Path) -> None:
    with running(folder) as process:
        async with session(folder) as opened:
            stream = opened.control.WatchStatus(control_pb2.StatusRequest(interval_ms=100))
            await stream.read()
            began = time.monotonic()
            assert await asyncio.to_thread(process.end) == 0
            assert time.monotonic() - began < 10
        assert not (folder / "control.sock").exists()
        assert process.errors.read_text() == ""


async def test_a_stop_says_nothing_about_the_endpoints(folder: Path) -> None:
    with running(folder) as process:
        async with session(folder) as opened:
            web = await sidecar(opened, "web")
            async with web.control() as channel, web.control() as second, registered(second, web.instance("web-0")):
                request = discovery_pb2.WatchRequest(target="web", namespace="shop")
                watch = discovery_pb2_grpc.DiscoveryStub(channel).Watch(request)
                assert (await watch.read()).put
                await asyncio.to_thread(process.end)
                assert await code_of(watch.read()) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


async def test_a_new_anchor_and_a_new_issuer_are_taken_up(folder: Path) -> None:
    with running(folder) as process:
        async with session(folder) as opened:
            web = await sidecar(opened, "web")
            async with web.control() as channel:
                watch = identity_pb2_grpc.IdentityStub(channel).WatchTrust(identity_pb2.WatchTrustRequest())
                old = (await watch.read()).anchors[0]
                now = datetime.now(UTC)
                anchor, anchor_key = authority.create_anchor("next", now)
                issuer, issuer_key = authority.create_issuer("next", anchor, anchor_key, now)
                ca = folder / "ca"
                (ca / "anchors.pem").write_bytes((ca / "anchors.pem").read_bytes() + authority.pem(anchor))
                bundle = await asyncio.wait_for(watch.read(), 30)
                assert list(bundle.anchors) == [old, authority.der(anchor)]
                (ca / "issuer.key").write_bytes(authority.key_pem(issuer_key))
                (ca / "issuer.pem").write_bytes(authority.pem(issuer))
                async with asyncio.timeout(60):
                    while True:
                        made = await sidecar(opened, "cart")
                        if x509.load_pem_x509_certificates(made.chain)[1] == issuer:
                            break
                        await asyncio.sleep(0.3)
            # the listeners present a certificate of the new issuer, and take those of both
            async with made.control() as channel, web.control() as refused:
                await identity_pb2_grpc.IdentityStub(channel).WatchTrust(identity_pb2.WatchTrustRequest()).read()
                web.issued.trust.anchors.append(authority.der(anchor))
                async with web.control() as again:
                    await identity_pb2_grpc.IdentityStub(again).WatchTrust(identity_pb2.WatchTrustRequest()).read()
                stale = identity_pb2_grpc.IdentityStub(refused).WatchTrust(identity_pb2.WatchTrustRequest())
                assert await code_of(stale.read()) == grpc.StatusCode.UNAVAILABLE  # it never heard of the new anchor
        assert "the authority changed" in process.errors.read_text()


async def test_its_files_are_its_owners_only_and_a_second_one_is_refused(folder: Path) -> None:
    with running(folder) as process:
        async with session(folder):
            for path in (folder, folder / "ca"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o700
            for path in (*(folder / "ca").iterdir(), folder / "control.sock", folder / "control.json"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            with running(folder) as second:
                assert await asyncio.to_thread(second.child.wait, 10) == 1
            assert "a control plane already runs" in process.errors.read_text()


def test_a_name_that_cannot_be_is_refused(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "meshcore", "--mesh", "No!", "--dir", str(tmp_path / "x")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=20)
    assert done.returncode == 78
    assert "'No!' cannot name a mesh" in done.stderr


def _all() -> discovery_pb2.PodsRequest:
    return discovery_pb2.PodsRequest()


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
