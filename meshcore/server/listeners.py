"""The three doors: the Unix socket for people and launchers, the identity port, and the mutual-TLS port of sidecars.

Makes gRPC servers with their limits; plane.py says which service stands behind which door.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc

from meshcore.services.identity.serving import Presented

SOCKET_BYTES = 107  # sun_path of Linux, less the final zero

_PINGS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),  # else two control planes could share a port without noticing
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Clients ping once a second, to notice a control plane that was killed.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 200),
    ("grpc.http2.max_ping_strikes", 0),
)


def open_local(path: Path) -> grpc.aio.Server:
    """Return a server bound to a Unix socket of mode 0600, in a folder that is the owner's only; raises OSError."""
    if len(os.fsencode(path)) > SOCKET_BYTES:
        raise OSError(f"{path} is longer than a socket's path may be ({SOCKET_BYTES} bytes); choose another folder")
    server = _server(streams=256, receive=16 << 20, calls=2048)
    try:
        bound = server.add_insecure_port(f"unix:{path}")
    except RuntimeError as error:
        raise OSError(f"cannot listen on {path}: {error}") from None
    if not bound:
        raise OSError(f"cannot listen on {path}")
    path.chmod(0o600)  # the folder is 0700 and the umask 077, so it was nobody else's before either
    return server


def open_loopback() -> grpc.aio.Server:
    """Return the server of a pod's loopback, where only a forwarded port gets; bind it to 127.0.0.1."""
    return _server(streams=256, receive=16 << 20, calls=2048)


def open_identity() -> grpc.aio.Server:
    """Return the server of the identity port: strangers speak to it, so it is tight."""
    return _server(streams=16, receive=64 << 10, calls=1024)


def open_control(interceptors: Sequence[Any]) -> grpc.aio.Server:
    """Return the server of the mutual-TLS port; a sidecar watches up to a thousand targets."""
    return _server(streams=1100, receive=16 << 20, calls=100_000, interceptors=interceptors)


def credentials(current: Callable[[], Presented], *, mutual: bool) -> grpc.ServerCredentials:
    """Return TLS that presents whatever certificate is current at each handshake."""

    def configuration(presented: Presented) -> grpc.ServerCertificateConfiguration:
        pairs = [(presented.key, presented.chain)]
        return grpc.ssl_server_certificate_configuration(pairs, presented.anchors if mutual else None)

    known = current()

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        """Return what is new since the last time; gRPC asks at each handshake, in a thread of its own."""
        nonlocal known
        presented = current()
        if presented is known:
            return None
        known = presented
        return configuration(presented)

    # grpc-stubs do not know that None means no change
    return grpc.dynamic_ssl_server_credentials(configuration(known), fetch, mutual)  # type: ignore[arg-type]


def _server(*, streams: int, receive: int, calls: int, interceptors: Sequence[Any] = ()) -> grpc.aio.Server:
    options = [
        *_PINGS,
        ("grpc.max_concurrent_streams", streams),
        ("grpc.max_receive_message_length", receive),
        ("grpc.max_send_message_length", 64 << 20),
        ("grpc.max_metadata_size", 16 << 10),
    ]
    return grpc.aio.server(interceptors=list(interceptors), options=options, maximum_concurrent_rpcs=calls)
