"""Identity over gRPC: certificates against a token or the caller's own certificate, and the trust bundle.

The server puts one `Identity` on both TLS listeners and `LocalIdentity` on the Unix socket. What is signed and what
is refused is decided by the pure files beside this one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import grpc

from meshcore.pki.authority import LEAF_LIFE, AuthorityError, millis, utc
from meshcore.services.identity.request import RequestError, public_key
from meshcore.services.identity.serving import Serving
from meshcore.services.identity.store import Store
from meshcore.services.identity.tokens import TokenError, Tokens, TooManyTokens
from meshcore.wire import identity_pb2, identity_pb2_grpc
from meshcore.wire.ids import SpiffeId, is_label, parse_spiffe

if TYPE_CHECKING:
    from meshcore.wire.identity_pb2_grpc import _ServicerContext as Context

log = logging.getLogger("meshcore.identity")

POLL_S = 2.0
STRANGERS = 64  # so many callers without a certificate may watch the bundle at once
Caller = Callable[["Context"], SpiffeId | None]
# Whether a token stands for an identity; raises TokenError if not.
Redeem = Callable[[str, SpiffeId], Awaitable[None]]
# Hears of each request for a certificate: for whom, and why it was refused (empty: it was not).
Told = Callable[[SpiffeId, str], None]


# Hears what becomes of the issuer: one word, a sentence, and whether it is bad.
Noted = Callable[[str, str, bool], None]
UPDATED, SKIPPED, INVALID = "IssuerUpdated", "IssuerUpdateSkipped", "IssuerValidationFailed"


def untold(identity: SpiffeId, reason: str) -> None:
    """Nobody needs to hear."""


def unnoted(word: str, note: str, bad: bool) -> None:
    """Nobody needs to hear of it."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where sidecars find the control plane, and as whom."""

    identity: str
    control: str
    name: SpiffeId


class Identity(identity_pb2_grpc.IdentityServicer):
    """Signs leaves for workloads, which last for `life()`, and tells the trust bundle. `clock` is Unix time."""

    def __init__(
        self,
        store: Store,
        serving: Serving,
        redeem: Redeem,
        *,
        trust_domain: str,
        caller: Caller,
        clock: Callable[[], float],
        told: Told = untold,
        noted: Noted = unnoted,
        life: Callable[[], timedelta] = lambda: LEAF_LIFE,
    ) -> None:
        self.store = store
        self.serving = serving
        self.issued = 0
        self.refused = 0
        self._redeem = redeem
        self._told = told
        self._noted = noted
        self._life = life
        self._trust_domain = trust_domain
        self._caller = caller
        self._clock = clock
        self._watchers: set[asyncio.Event] = set()
        self._strangers = 0

    async def run(self) -> NoReturn:
        """Follow the authority's files and keep the serving certificate fresh, until cancelled."""
        problem = ""
        while True:
            await asyncio.sleep(POLL_S)
            if self.store.poll():
                authority = self.store.authority
                serial, anchors = f"{authority.issuer.serial_number:x}", len(authority.anchors)
                log.warning("the authority changed", extra={"fields": {"issuer": serial, "anchors": anchors}})
                self._noted(UPDATED, f"issuer {serial} signs now, under {anchors} trust anchors", False)
                for watcher in self._watchers:
                    watcher.set()
            if self.store.problem != problem:
                problem = self.store.problem
                if problem:
                    log.error("the authority's files are not taken up", extra={"fields": {"reason": problem}})
                    self._noted(SKIPPED, f"{problem}; what was good before goes on", True)
            try:
                if self.serving.refresh(self.store.authority):
                    log.info("serving certificate renewed", extra={"fields": {"until": str(self.serving.not_after)}})
            except AuthorityError as error:
                problem = self.store.problem = f"the serving certificate cannot be renewed: {error}"
                log.warning(problem)

    async def Certify(self, request: identity_pb2.CertifyRequest, context: "Context") -> identity_pb2.CertifyResponse:
        """Sign a request for the identity that a token, or the caller's certificate, stands for."""
        try:
            wanted = parse_spiffe(request.identity)
            key = public_key(request.csr, wanted)
        except (ValueError, RequestError) as error:
            await self._refuse(context, grpc.StatusCode.INVALID_ARGUMENT, str(error), request.identity)
        if wanted.trust_domain != self._trust_domain:
            reason = f"this mesh's trust domain is {self._trust_domain}, not {wanted.trust_domain}"
            await self._refuse(context, grpc.StatusCode.INVALID_ARGUMENT, reason, request.identity)
        caller = self._caller(context)
        if caller is not None:
            if caller != wanted:
                reason = f"{caller} may renew its own identity only"
                await self._refuse(context, grpc.StatusCode.PERMISSION_DENIED, reason, request.identity)
        else:
            try:
                await self._redeem(request.token, wanted)
            except TokenError as error:
                code = grpc.StatusCode.UNAVAILABLE if error.again else grpc.StatusCode.UNAUTHENTICATED
                await self._refuse(context, code, str(error), request.identity)
        try:
            leaf = self.store.authority.issue(key, str(wanted), utc(self._clock()), life=self._life())
        except AuthorityError as error:
            self._noted(INVALID, f"no certificate can be issued: {error}", True)
            await self._refuse(context, grpc.StatusCode.FAILED_PRECONDITION, str(error), request.identity)
        self.issued += 1
        self._told(wanted, "")
        certificate = leaf.certificate
        log.info(
            "issued",
            extra={
                "fields": {"identity": str(wanted), "serial": f"{certificate.serial_number:x}", "renewal": bool(caller)}
            },
        )
        return identity_pb2.CertifyResponse(
            chain=leaf.chain,
            trust=self._bundle(),
            not_before_ms=millis(certificate.not_valid_before_utc),
            not_after_ms=millis(certificate.not_valid_after_utc),
        )

    async def WatchTrust(
        self, request: identity_pb2.WatchTrustRequest, context: "Context"
    ) -> AsyncIterator[identity_pb2.TrustBundle]:
        """Tell the bundle now and after each change of it."""
        stranger = self._caller(context) is None
        if stranger and self._strangers >= STRANGERS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watch without a certificate; try again")
        self._strangers += stranger
        event = asyncio.Event()
        self._watchers.add(event)
        sent: identity_pb2.TrustBundle | None = None
        try:
            while True:
                bundle = self._bundle()
                if bundle != sent:
                    sent = bundle
                    yield bundle
                await event.wait()
                event.clear()
        finally:
            self._watchers.discard(event)
            self._strangers -= stranger

    def _bundle(self) -> identity_pb2.TrustBundle:
        authority = self.store.authority
        return identity_pb2.TrustBundle(anchors=authority.bundle, issuer=f"{authority.issuer.serial_number:x}")

    async def _refuse(self, context: "Context", code: grpc.StatusCode, reason: str, identity: str) -> NoReturn:
        self.refused += 1
        with suppress(ValueError):
            self._told(parse_spiffe(identity), reason)
        log.warning(
            "certificate refused", extra={"fields": {"identity": identity[:300], "reason": reason, "code": code.name}}
        )
        await context.abort(code, reason)
        raise AssertionError("abort returned")


class LocalIdentity(identity_pb2_grpc.LocalIdentityServicer):
    """Hands tokens to launchers. Whoever can open the socket is the mesh's owner."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        *,
        trust_domain: str,
        addresses: Callable[[], Addresses],
        clock: Callable[[], float],
        elapsed: Callable[[], float],
    ) -> None:
        """`clock` is Unix time; `elapsed` the monotonic clock of `tokens`."""
        self._store = store
        self._tokens = tokens
        self._trust_domain = trust_domain
        self._addresses = addresses
        self._clock = clock
        self._elapsed = elapsed

    async def IssueToken(
        self, request: identity_pb2.IssueTokenRequest, context: "Context"
    ) -> identity_pb2.IssueTokenResponse:
        """Return a token for one sidecar, with all it needs to find and trust the control plane."""
        for part in (request.namespace, request.service_account):
            if not is_label(part):
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{part!r} is not a DNS label")
        identity = SpiffeId(self._trust_domain, request.namespace, request.service_account)
        addresses = self._addresses()
        if identity == addresses.name:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, f"{identity} is the control plane's own identity")
        try:
            token, grant = self._tokens.issue(identity, request.pod)
        except TooManyTokens as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        return identity_pb2.IssueTokenResponse(
            token=token,
            expires_ms=int((self._clock() + grant.expires - self._elapsed()) * 1000),
            identity=str(identity),
            trust=identity_pb2.TrustBundle(anchors=self._store.authority.bundle),
            identity_address=addresses.identity,
            control_address=addresses.control,
            control_identity=str(addresses.name),
        )
