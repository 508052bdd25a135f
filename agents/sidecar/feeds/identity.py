"""Who this sidecar is: gets its first certificate with a token, renews it in time, follows the trust bundle.

Keys are made by a short-lived child process and rest in memory: host/tls loads them from a memfd, by its path. What is
current goes into state/certs; the uplink and the TLS contexts listen there.
"""

import asyncio
import base64
import logging
import os
import random
import re
import ssl
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from agents.sidecar.feeds import line as lines
from agents.sidecar.feeds.call import RpcError
from agents.sidecar.feeds.line import Line
from agents.sidecar.feeds.uplink import RETRY_LIMIT_S, RETRY_S, Uplink
from agents.sidecar.state.certs import Certificate, Certs
from meshcore.backoff import Backoff
from meshcore.wire import identity_pb2

RENEW_AT: Final = (
    0.65  # of the certificate's life: of 24 hours, more than eight are left for a control plane to be away
)
RENEW_JITTER: Final = 0.05  # up to so much earlier, so that a fleet started at once does not renew at once
SPREAD_S: Final = 30.0  # over which a fleet asks for new certificates when another issuer came into force
STEP_S: Final = 30.0
CALL_TIMEOUT_S: Final = 5.0
_FINAL = frozenset(("PERMISSION_DENIED", "UNAUTHENTICATED", "INVALID_ARGUMENT"))
_REQUEST = re.compile(rb"-----BEGIN CERTIFICATE REQUEST-----(.+?)-----END CERTIFICATE REQUEST-----", re.DOTALL)
_KEY = re.compile(rb"-----BEGIN PRIVATE KEY-----.+?-----END PRIVATE KEY-----\n?", re.DOTALL)


class RefusedError(Exception):
    """The control plane will not certify this sidecar, however often it asks; `str()` says why."""


async def make_keypair(identity: str) -> tuple[bytes, bytes]:
    """Return PEM of a new private key and DER of a request for `identity`."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents.runtime.keypair", identity, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await child.communicate()
    key, request = _KEY.search(out), _REQUEST.search(out)
    if child.returncode != 0 or key is None or request is None:
        last = err.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(f"no key pair could be made: exit status {child.returncode}: {last}")
    return key[0], base64.b64decode(request[1])


class Identity:
    """The identity feed of one sidecar. `token` gives what the first certificate is asked for with.

    In a pod that is a file which stays good (`again`): there, a certificate that ran out is asked for anew.
    """

    def __init__(
        self,
        identity: str,
        certs: Certs,
        uplink: Uplink,
        log: logging.Logger,
        *,
        address: str = "",
        name: str = "",
        token: Callable[[], str] = str,
        again: bool = False,
    ) -> None:
        self._identity = identity
        self._certs = certs
        self._uplink = uplink
        self._log = log
        self._address = address
        self._name = name
        self._token = token
        self._again = again
        self._fd = -1  # the memfd of the current certificate
        self._superseded = asyncio.Event()  # set while another issuer signs than signed the current certificate

    async def bootstrap(self, anchors_pem: str) -> None:
        """Get the first certificate; tries until the control plane answers. Raises RefusedError if it says no."""
        key, request = await make_keypair(self._identity)
        backoff = Backoff(RETRY_S, RETRY_LIMIT_S)
        told = False
        while True:
            try:
                await self._introduce(key, request, anchors_pem)
            except (RpcError, OSError, ValueError) as error:
                if isinstance(error, RpcError) and error.code in _FINAL:
                    raise RefusedError(str(error)) from None
                self._log.log(logging.DEBUG if told else logging.WARNING, "no certificate yet: %s", error)
                told = True
                await asyncio.sleep(backoff.next())
            else:
                return

    async def renew(self) -> None:
        """Renew the certificate for ever, each in good time before its end."""
        backoff = Backoff(first=1.0, most=60.0)
        while True:
            current = self._certs.current
            assert current is not None
            await self._due(current)
            try:
                key, request = await make_keypair(self._identity)
                if self._again and time.time() >= current.not_after:  # nobody would let it renew
                    await self._introduce(key, request, self._certs.anchors_pem)
                else:
                    async with self._uplink.lease() as line:
                        await self._certify(line, key, request, "")
            except (RpcError, RuntimeError, ValueError, OSError) as error:
                left = current.not_after - time.time()
                self._log.warning("certificate not renewed, %d s left: %s", max(0, left), error)
                await asyncio.sleep(backoff.next())
            else:
                backoff.reset()
                self._superseded.clear()
                self._log.info("certificate renewed")

    async def _due(self, current: Certificate) -> None:
        """Sleep until a certificate is to be renewed: in good time, or soon once its issuer is no longer in force.

        By the wall clock and in steps: a suspended machine wakes late, and must notice.
        """
        when = renewal_time(current)
        hurries = False
        while (left := when - time.time()) > 0:
            if self._superseded.is_set() and not hurries:
                hurries = True
                when = min(when, time.time() + random.uniform(0, SPREAD_S))  # noqa: S311 - not for secrets
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, STEP_S)):
                    await (asyncio.sleep(STEP_S) if hurries else self._superseded.wait())

    async def _introduce(self, key: bytes, request: bytes, anchors_pem: str) -> None:
        """Ask for a certificate as one who has none."""
        line = await lines.connect(self._address, self._name, lines.context(anchors_pem))
        try:
            await self._certify(line, key, request, self._token())
        finally:
            line.close()

    async def trust(self, line: Line) -> None:
        """Follow the trust bundle; a session for Uplink.keep."""
        async with line.call("/meshtui.v1.Identity/WatchTrust", identity_pb2.TrustBundle) as call:
            await call.write(b"", end=True)
            async for bundle in call:
                self._uplink.heard("trust")
                anchors = _pem(bundle.anchors).decode()
                if not anchors:
                    self._log.warning("an empty trust bundle was ignored")
                elif anchors != self._certs.anchors_pem:
                    self._certs.trust(anchors)
                    self._use()
                    self._log.info("trust bundle changed: %d anchors", len(bundle.anchors))
                current = self._certs.current
                if bundle.issuer and current is not None and current.issuer not in ("", bundle.issuer):
                    self._superseded.set()

    async def _certify(self, line: Line, key: bytes, request: bytes, token: str) -> None:
        wanted = identity_pb2.CertifyRequest(identity=self._identity, token=token, csr=request)
        answer = await line.ask("/meshtui.v1.Identity/Certify", wanted, identity_pb2.CertifyResponse, CALL_TIMEOUT_S)
        if not answer.chain or not answer.trust.anchors:
            raise ValueError("the control plane sent a certificate without chain or anchors")
        chain = _pem(answer.chain)
        # One memfd holds both; nothing of it ever has a name in the file system.
        fd = os.memfd_create("identity", os.MFD_CLOEXEC)
        try:
            os.write(fd, chain + key)
            path = f"/proc/self/fd/{fd}"
            anchors = _pem(answer.trust.anchors).decode()
            secured = lines.context(anchors, path)  # raises ssl.SSLError if the key is not the certificate's
            certificate = Certificate(
                identity=self._identity,
                chain_pem=chain,
                key_pem=key,
                path=path,
                not_before=answer.not_before_ms / 1000,
                not_after=answer.not_after_ms / 1000,
                serial=serial(answer.chain[0]),
                issuer=serial(answer.chain[1]) if len(answer.chain) > 1 else "",
            )
        except BaseException:
            os.close(fd)
            raise
        old, self._fd = self._fd, fd
        self._certs.install(certificate, anchors)
        self._uplink.renew(secured)
        if old >= 0:
            os.close(old)

    def _use(self) -> None:
        current = self._certs.current
        assert current is not None
        self._uplink.renew(lines.context(self._certs.anchors_pem, current.path))


def renewal_time(certificate: Certificate) -> float:
    """Return when to renew, in Unix seconds."""
    life = certificate.not_after - certificate.not_before
    return certificate.not_before + life * (RENEW_AT - random.uniform(0, RENEW_JITTER))  # noqa: S311 - not for secrets


def serial(der: bytes) -> str:
    """Return a certificate's serial number in hex: the first INTEGER after the version (RFC 5280, 4.1)."""
    at = _skip_header(der, _skip_header(der, 0))
    if der[at] == 0xA0:  # [0] EXPLICIT Version
        at += 2 + der[at + 1]
    length = der[at + 1]
    return der[at + 2 : at + 2 + length].hex().lstrip("0")


def _skip_header(der: bytes, at: int) -> int:
    """Return where the contents of the element at `at` begin."""
    length = der[at + 1]
    return at + 2 + (length & 0x7F if length & 0x80 else 0)


def _pem(certificates: Iterable[bytes]) -> bytes:
    return "".join(map(ssl.DER_cert_to_PEM_cert, certificates)).encode()
