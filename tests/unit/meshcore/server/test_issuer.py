"""Where the issuer comes from: read, made once, or waited for; not made where others are to, nor under anchors."""

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from meshcore.inject.names import ANCHORS_KEY, ANCHORS_MAP, CONFIG_KEY, CONFIG_MAP, ISSUER_SECRET
from meshcore.kube.failure import FORBIDDEN, KubeError
from meshcore.kube.needs import CONTROL_PLANE
from meshcore.kube.objects import CONFIG_MAPS, SECRETS
from meshcore.kube.session import Session
from meshcore.pki.authority import create_anchor, create_issuer, key_pem, pem, utc
from meshcore.server import issuer as subject
from meshcore.server.issuer import Issuer
from meshcore.services.identity.store import ANCHORS, ISSUER, Store
from tests.support.apiserver import ApiServer, api_server, asking

MESH = "meshtui"
SECRET, BUNDLE, CONFIG = (
    SECRETS.path(MESH, ISSUER_SECRET),
    CONFIG_MAPS.path(MESH, ANCHORS_MAP),
    CONFIG_MAPS.path(MESH, CONFIG_MAP),
)
SETTINGS = """\
images: {agents: a, controller: c}
addresses: {identity: "i:1", control: "c:1"}
identity: {external: %s}
"""


def configure(server: ApiServer, *, external: bool = False) -> None:
    server.put(CONFIG, kind="ConfigMap", data={CONFIG_KEY: SETTINGS % str(external).lower()})


def told(server: ApiServer, path: str, part: str) -> bytes:
    """Return a part of an object that is there."""
    value = server.objects[path]["data"][part]
    return base64.b64decode(value) if path == SECRET else value.encode()


class CertManager:
    """An authority of somebody else's, and the Secrets that cert-manager makes of it."""

    def __init__(self) -> None:
        self._now = utc(time.time())
        self.anchor, self._key = create_anchor("corp", self._now)

    def bundle(self, server: ApiServer) -> None:
        server.put(BUNDLE, kind="ConfigMap", data={ANCHORS_KEY: pem(self.anchor).decode()})

    def certify(self, server: ApiServer, key: bytes = b"") -> bytes:
        """Write the Secret; return the issuer's certificate."""
        made, issuer_key = create_issuer("corp", self.anchor, self._key, self._now)
        parts = {"tls.crt": pem(made), "tls.key": key or key_pem(issuer_key), "ca.crt": pem(self.anchor)}
        data = {name: base64.b64encode(part).decode() for name, part in parts.items()}
        server.put(SECRET, kind="Secret", type="kubernetes.io/tls", data=data)
        return pem(made)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "PAUSE_S", 0.01)


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        running.roles, running.mesh = CONTROL_PLANE, MESH
        yield running


@pytest.fixture
async def session(server: ApiServer) -> AsyncIterator[Session]:
    async with asking(server) as opened:
        yield opened


@asynccontextmanager
async def waiting(issuer: Issuer, word: str) -> AsyncIterator[Callable[[], Any]]:
    """Begin, and go on when it waits for what it names; gives what waits until it is done."""
    task = asyncio.create_task(issuer.ensure())

    async def done() -> None:
        async with asyncio.timeout(60):
            await task

    try:
        async with asyncio.timeout(60):
            while word not in "".join(issuer.unready()):
                assert not task.done(), "it did not wait"
                await asyncio.sleep(0.005)
        yield done
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def issues(folder: Path) -> bytes:
    """Return the certificate of the issuer that identity's store takes from a folder."""
    return pem(Store(folder, MESH, time.time, ours=False).authority.issuer)


async def test_the_first_of_a_new_mesh_makes_one_and_publishes_its_anchor(
    server: ApiServer, session: Session, tmp_path: Path
) -> None:
    configure(server)
    await Issuer(session, MESH, tmp_path / "ca").ensure()
    assert told(server, SECRET, "anchors.pem") == told(server, BUNDLE, ANCHORS_KEY)
    assert issues(tmp_path / "ca") == told(server, SECRET, "issuer.pem")


async def test_replicas_that_begin_together_agree(server: ApiServer, session: Session, tmp_path: Path) -> None:
    configure(server)
    both = asyncio.Barrier(2)

    async def none_yet(_: web.Request) -> web.StreamResponse:
        await both.wait()  # neither makes one before the other has seen that there is none
        return web.json_response({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []})

    server.script(SECRETS.path(MESH), none_yet, none_yet)
    replicas = [Issuer(session, MESH, tmp_path / name) for name in ("a", "b")]
    async with asyncio.timeout(60):
        await asyncio.gather(*(each.ensure() for each in replicas))
    assert len(server.asked("POST", "/secrets")) == 2
    assert issues(tmp_path / "a") == issues(tmp_path / "b") == told(server, SECRET, "issuer.pem")
    assert told(server, SECRET, "anchors.pem") == told(server, BUNDLE, ANCHORS_KEY)


async def test_one_killed_between_the_two_objects_is_finished_by_the_next(
    server: ApiServer, session: Session, tmp_path: Path
) -> None:
    configure(server)
    await Issuer(session, MESH, tmp_path / "a").ensure()
    server.drop(BUNDLE)
    await Issuer(session, MESH, tmp_path / "b").ensure()
    assert told(server, BUNDLE, ANCHORS_KEY) == told(server, SECRET, "anchors.pem")


async def test_cert_managers_is_waited_for(
    server: ApiServer, session: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configure(server, external=True)
    corp = CertManager()
    corp.bundle(server)
    with caplog.at_level(logging.ERROR, "meshcore.identity"):
        async with waiting(Issuer(session, MESH, tmp_path / "ca"), "have cert-manager make it") as done:
            asked = len(server.requests)
            while len(server.requests) < asked + 9:  # it looks several times
                await asyncio.sleep(0.005)
            assert server.asked("POST") == []
            made = corp.certify(server)
            await done()
    assert issues(tmp_path / "ca") == made
    assert len(caplog.records) == 1  # however often it looked


async def test_cert_managers_own_word_for_its_authority_will_do_and_is_not_made_ours(
    server: ApiServer, session: Session, tmp_path: Path
) -> None:
    configure(server, external=True)
    made = CertManager().certify(server)
    await Issuer(session, MESH, tmp_path / "ca").ensure()
    assert issues(tmp_path / "ca") == made
    assert server.asked("POST") == []


async def test_no_new_one_is_made_under_anchors_that_it_would_not_chain_to(
    server: ApiServer, session: Session, tmp_path: Path
) -> None:
    configure(server)
    await Issuer(session, MESH, tmp_path / "a").ensure()
    kept = dict(server.objects[SECRET])
    server.drop(SECRET)
    posts = len(server.asked("POST"))
    async with waiting(Issuer(session, MESH, tmp_path / "b"), "would not chain") as done:
        assert len(server.asked("POST")) == posts
        server.put(SECRET, **{name: kept[name] for name in ("kind", "type", "data")})
        await done()
    assert issues(tmp_path / "b") == issues(tmp_path / "a")


async def test_without_a_copy_it_begins_anew_once_the_anchors_are_gone(
    server: ApiServer, session: Session, tmp_path: Path
) -> None:
    configure(server)
    CertManager().bundle(server)
    async with waiting(Issuer(session, MESH, tmp_path / "ca"), "would not chain") as done:
        server.drop(BUNDLE)
        await done()
    assert issues(tmp_path / "ca") == told(server, SECRET, "issuer.pem")
    assert told(server, BUNDLE, ANCHORS_KEY) == (tmp_path / "ca" / ANCHORS).read_bytes()


@pytest.mark.parametrize(
    ("document", "word"), [(None, f"{CONFIG_MAP} does not exist"), ("images: [", "not YAML")], ids=["none", "broken"]
)
async def test_settings_that_do_not_say_whose_it_is_are_waited_for(
    server: ApiServer, session: Session, tmp_path: Path, document: str | None, word: str
) -> None:
    if document is not None:
        server.put(CONFIG, kind="ConfigMap", data={CONFIG_KEY: document})
    async with waiting(Issuer(session, MESH, tmp_path / "ca"), word) as done:
        assert server.asked("POST") == []
        configure(server)
        await done()
    assert SECRET in server.objects


async def test_an_issuer_that_cannot_issue_is_told_and_its_successor_is_taken_up(
    server: ApiServer, session: Session, tmp_path: Path
) -> None:
    configure(server, external=True)
    corp = CertManager()
    corp.bundle(server)
    usual = rsa.generate_private_key(65537, 2048)  # what cert-manager makes, unless it is told otherwise
    corp.certify(server, usual.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    async with waiting(Issuer(session, MESH, tmp_path / "ca"), "not an ECDSA key") as done:
        assert not (tmp_path / "ca" / ISSUER).exists()
        made = corp.certify(server)
        await done()
    assert issues(tmp_path / "ca") == made


async def test_who_may_not_look_ends_at_once(server: ApiServer, session: Session, tmp_path: Path) -> None:
    server.roles = ("discovery",)
    with pytest.raises(KubeError) as refused:
        await Issuer(session, MESH, tmp_path / "ca").ensure()
    assert refused.value.code == FORBIDDEN
