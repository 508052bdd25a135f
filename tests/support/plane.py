"""A control plane of a few lines for tests of the sidecar's feeds: real gRPC and real mutual TLS, scripted answers.

It can be cut off and come back on the same ports, with or without what it has counted; that is what the real one does
when it is killed.
"""

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio
from cryptography import x509

from meshcore.pki import authority
from meshcore.wire import (
    discovery_pb2,
    discovery_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
    policy_pb2,
    policy_pb2_grpc,
    stats_pb2,
    stats_pb2_grpc,
    tap_pb2_grpc,
)

NAME = "control-plane.meshtui"
TOKEN = "a-token"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def new_authority() -> authority.Authority:
    now = datetime.now(UTC)
    anchor, anchor_key = authority.create_anchor("test", now)
    issuer, key = authority.create_issuer("test", anchor, anchor_key, now)
    return authority.Authority(issuer, key, (anchor,))


class Changing:
    """A value that streams tell now and after each change."""

    def __init__(self, value):
        self.value = value
        self._changed = asyncio.Event()

    def set(self, value):
        self.value = value
        self._changed.set()
        self._changed = asyncio.Event()

    async def __aiter__(self):
        while True:
            changed = self._changed
            yield self.value
            await changed.wait()


class Plane(
    identity_pb2_grpc.IdentityServicer,
    discovery_pb2_grpc.DiscoveryServicer,
    policy_pb2_grpc.PolicyServicer,
    stats_pb2_grpc.StatsServicer,
    tap_pb2_grpc.TapServicer,
):
    """What the sidecar's feeds talk to, and what they have said."""

    def __init__(self, life=timedelta(hours=24), age=timedelta()):
        self.authority = new_authority()
        self.life = life
        self.age = age  # of certificates when they are issued: those are due sooner, with as much of their life left
        self.identity_port, self.control_port = free_port(), free_port()
        self.tokens = {TOKEN}
        self.certified = []  # whether each was a renewal
        self.trust = Changing(self.bundle())
        self.endpoints = Changing(discovery_pb2.EndpointsUpdate(snapshot=True))
        self.policy = Changing(policy_pb2.WorkloadPolicy(version=1))
        self.zone = ""  # that instances are told to be in
        self.present = []  # registrations of the streams that are open
        self.watched = []
        self.hellos = []
        self.reports = []
        self.acked = {}  # by boot_id
        self.acking = True
        self.taps = []
        self.tapped = asyncio.Queue()
        self.orders = []
        self._servers = []

    @property
    def anchors_pem(self):
        return self.authority.bundle_pem.decode()

    def bundle(self, *more):
        return identity_pb2.TrustBundle(anchors=[*self.authority.bundle, *more])

    async def start(self):
        key = authority.new_key()
        leaf = self.authority.issue(key.public_key(), "spiffe://local/ns/meshtui/sa/cp", datetime.now(UTC), dns=(NAME,))
        pair = ((authority.key_pem(key), leaf.pem),)
        for port, mutual in ((self.identity_port, False), (self.control_port, True)):
            anchors = self.authority.bundle_pem if mutual else None
            credentials = grpc.ssl_server_credentials(pair, anchors, mutual)
            server = grpc.aio.server()
            identity_pb2_grpc.add_IdentityServicer_to_server(self, server)
            if mutual:
                discovery_pb2_grpc.add_DiscoveryServicer_to_server(self, server)
                policy_pb2_grpc.add_PolicyServicer_to_server(self, server)
                stats_pb2_grpc.add_StatsServicer_to_server(self, server)
                tap_pb2_grpc.add_TapServicer_to_server(self, server)
            server.add_secure_port(f"127.0.0.1:{port}", credentials)
            await server.start()
            self._servers.append(server)

    async def cut(self):
        """Go away without a word."""
        servers, self._servers = self._servers, []
        for server in servers:
            await server.stop(0)

    async def Certify(self, request, context):
        renewal = (
            "x509_common_name" in context.auth_context() or "x509_subject_alternative_name" in context.auth_context()
        )
        if not renewal and request.token not in self.tokens:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "this token is not known")
        self.tokens.discard(request.token)
        self.certified.append(renewal)
        key = x509.load_der_x509_csr(request.csr).public_key()
        now = datetime.now(UTC)
        begin, end = now - self.age, now - self.age + self.life
        leaf = self.authority.issue(key, request.identity, now)
        return identity_pb2.CertifyResponse(
            chain=leaf.chain,
            trust=self.bundle(),
            not_before_ms=authority.millis(begin),
            not_after_ms=authority.millis(end),
        )

    async def WatchTrust(self, request, context):
        async for bundle in self.trust:
            yield bundle

    async def Register(self, request_iterator, context):
        mine = None
        try:
            async for message in request_iterator:
                if mine is None:
                    mine = message
                    self.present.append(mine)
                    yield discovery_pb2.RegistrationReply(server_version="test", protocol=1, zone=self.zone)
                mine.draining = message.draining
        finally:
            self.present.remove(mine)

    async def Watch(self, request, context):
        self.watched.append(request)
        if isinstance(request, policy_pb2.PolicyRequest):
            async for policy in self.policy:
                yield policy
        else:
            async for update in self.endpoints:
                yield update

    async def Push(self, request_iterator, context):
        hello = await anext(request_iterator)
        self.hellos.append(hello.hello)
        stream, boot_id = len(self.hellos), hello.hello.boot_id
        yield stats_pb2.StatsAck(seq=self.acked.get(boot_id, 0))
        async for report in request_iterator:
            self.reports.append((stream, report))
            if self.acking:
                self.acked[boot_id] = max(self.acked.get(boot_id, 0), report.seq)
            yield stats_pb2.StatsAck(seq=self.acked.get(boot_id, 0))

    async def Attach(self, request_iterator, context):
        await anext(request_iterator)
        self.taps.append(context)
        for order in self.orders:
            yield order
        async for report in request_iterator:
            self.tapped.put_nowait(report)
