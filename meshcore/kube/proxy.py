"""Which proxy stands between here and an API server: the kubeconfig's, else the environment's; pure.

The environment is read as kubectl reads it (Go's `httpproxy`): NO_PROXY may name hosts, domains, addresses, networks
and ports, and what is on this machine is never asked for through a proxy.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from meshcore.kube.failure import KUBECONFIG, KubeError

_PORTS = {"http": 80, "https": 443}


def proxy_for(server: str, configured: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy to use for a server, or None; raises KubeError for one that cannot be used."""
    if configured:
        return _usable(configured, "proxy-url in the kubeconfig")
    url = urlsplit(server)
    host, port = url.hostname or "", url.port or _PORTS.get(url.scheme, 443)
    name = f"{url.scheme.upper()}_PROXY"
    found = environ.get(name) or environ.get(name.lower())
    if not found or _here(host) or _exempt(host, port, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return None
    return _usable(found if "://" in found else f"http://{found}", f"{name} in the environment")


def _usable(proxy: str, place: str) -> str:
    scheme = proxy.partition("://")[0].lower() if "://" in proxy else ""
    if scheme not in ("http", "https", "socks5", "socks5h"):
        raise KubeError(
            f"{place} is a proxy of kind {scheme or 'unknown'}: http, https and socks5 can be used",
            "name such a proxy, or reach the API server without one",
            code=KUBECONFIG,
        )
    try:
        there = urlsplit(proxy)
        usable = bool(there.hostname) and there.port != 0
    except ValueError:  # of the port, or of an IPv6 address
        usable = False
    if not usable:  # not quoted: it may hold a password
        raise KubeError(f"{place} is no URL of a proxy", "write it as http://HOST:PORT", code=KUBECONFIG)
    return proxy


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _exempt(host: str, port: int, exceptions: str) -> bool:
    return any(_matches(host, port, each.strip().lower()) for each in exceptions.split(",") if each.strip())


def _matches(host: str, port: int, exception: str) -> bool:
    if exception == "*":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is not None and "/" in exception:
        try:
            return address in ip_network(exception, strict=False)
        except ValueError:
            return False
    name, colon, wanted = exception.rpartition(":")
    if colon and wanted.isdigit() and (":" not in name or name.startswith("[")):
        if int(wanted) != port:
            return False
        exception = name.strip("[]")
    if address is not None:
        return exception.strip("[]") == str(address)
    exception = exception.removeprefix("*")
    if exception.startswith("."):
        return host.endswith(exception)  # as Go has it: the domain's hosts, not the domain
    return host == exception or host.endswith(f".{exception}")
