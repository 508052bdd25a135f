"""The connections to an API server: straight, or through a SOCKS proxy; kept alive, and many at once.

Made by transport.py, once per certificate. HTTP proxies are asked per request, which is the transport's.
"""

import socket
import ssl
from typing import Any

import aiohttp

from meshcore.kube.cluster import Cluster

CONNECTIONS = 256
FAILURES: tuple[type[Exception], ...] = (aiohttp.ClientError, OSError, TimeoutError)


def is_socks(proxy: str | None) -> bool:
    """Tell whether a kubeconfig's proxy is a SOCKS proxy."""
    return proxy is not None and proxy.startswith("socks")


def connector_to(
    cluster: Cluster, tls: ssl.SSLContext | None
) -> tuple[aiohttp.BaseConnector, tuple[type[Exception], ...]]:
    """Return what connects to a cluster, and what it raises when it cannot."""
    trust = tls if tls is not None else True
    if cluster.proxy is None or not is_socks(cluster.proxy):
        return aiohttp.TCPConnector(limit=CONNECTIONS, ssl=trust, socket_factory=_socket), FAILURES
    import aiohttp_socks  # few need it

    # As Go, and so kubectl: socks5 leaves names to the proxy, as socks5h does elsewhere.
    proxy = cluster.proxy.replace("socks5h:", "socks5:", 1)
    through = aiohttp_socks.ProxyConnector.from_url(proxy, rdns=True, limit=CONNECTIONS, ssl=trust)
    socks = (aiohttp_socks.ProxyConnectionError, aiohttp_socks.ProxyTimeoutError, aiohttp_socks.ProxyError)
    return through, (*FAILURES, *socks)


def _socket(info: Any) -> socket.socket:
    """Return a socket that notices within half a minute that nobody is there any more."""
    family, kind, proto, _name, _address = info
    made = socket.socket(family, kind, proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # they are Linux's
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made
