"""What sidecars say to each other on the mesh hop besides HTTP/2 itself: who they are, and what a byte stream carries.

host/hop and host/h2fleet use it. One HELLO per connection; no field of the mesh's own in any request.
"""

from google.protobuf.message import DecodeError

from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.state.peers import TLS_MUTUAL, Peer
from meshcore.wire import common_pb2
from meshcore.wire.ids import parse_spiffe

HTTP1 = b"http/1.1"  # values of :protocol
TCP = b"tcp"


def hello(me: Peer) -> bytes:
    """Return the payload that introduces this workload."""
    return common_pb2.Peer(
        namespace=me.namespace, kind=me.kind, name=me.name, pod=me.pod, service_account=me.service_account
    ).SerializeToString()


def introduce(identity: str, address: str, payload: bytes = b"") -> Peer:
    """Return the peer behind a proven identity. What it says of itself is believed where the identity bears it out.

    Raises ValueError for an identity that is no workload's.
    """
    proven = parse_spiffe(identity)
    said = common_pb2.Peer()
    try:
        said.ParseFromString(payload)
    except DecodeError:
        said = common_pb2.Peer()
    if (said.namespace, said.service_account) != (proven.namespace, proven.service_account):
        said = common_pb2.Peer()
    return Peer(
        namespace=proven.namespace,
        kind=said.kind,
        name=said.name,
        pod=said.pod,
        service_account=proven.service_account,
        identity=identity,
        address=address,
        tls=TLS_MUTUAL,
    )


def connect(name: bytes, authority: bytes) -> Fields:
    """Return the extended CONNECT (RFC 8441) that opens a byte stream."""
    return [
        (b":method", b"CONNECT", False),
        (b":protocol", name, False),
        (b":scheme", b"https", False),
        (b":path", b"/", False),
        (b":authority", authority, False),
    ]


ACCEPTED: Fields = [(b":status", b"200", False)]
REFUSED: Fields = [(b":status", b"501", False)]
