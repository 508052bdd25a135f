"""HAProxy's side, for what it shows: how cheap a proxy in C can be that counts and routes but knows no mesh.

One thread each. In a pair the hop is mutual TLS 1.3, with HTTP/2 for what is HTTP; a certificate is checked against the
authority, and not for its SPIFFE ID, which HAProxy cannot compare on the way to a server.
"""

from collections.abc import Mapping
from pathlib import Path

from tests.bench import certs, tools
from tests.bench.process import Process, free_port, listens
from tests.bench.rows import Way
from tests.bench.side import Side

CLIENT, SERVER = "client", "origin"
_COMMON = """global
    nbthread 1
    maxconn 4096
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-server-options ssl-min-ver TLSv1.3
defaults
    mode {mode}
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout tunnel 300s
{reuse}frontend bench
    bind 127.0.0.1:{listen}{bind}
    default_backend bench
backend bench
    server origin 127.0.0.1:{to}{server}
"""


class HAProxy(Side):
    """HAProxies in front of the origin; for a pair, one more beside the client."""

    name = "haproxy"
    needs = staticmethod(tools.haproxy)

    def __init__(self, folder: Path, way: Way, ports: Mapping[str, int]) -> None:
        super().__init__(folder)
        certs.write(folder, CLIENT, SERVER)
        for name in (CLIENT, SERVER):  # it reads both from one file
            (folder / f"{name}.both").write_bytes(
                (folder / f"{name}.pem").read_bytes() + (folder / f"{name}.key").read_bytes()
            )
        hop = free_port()
        self.entry = free_port() if way.pair else hop
        try:
            self._start(SERVER, configuration(folder, way, hop, ports[way.kind], inbound=True), hop)
            if way.pair:
                self._start(CLIENT, configuration(folder, way, self.entry, hop, inbound=False), self.entry)
        except BaseException:
            self.stop()
            raise

    def _start(self, name: str, text: str, port: int) -> None:
        path = self.folder / f"{name}.cfg"
        path.write_text(text)
        process = Process([tools.haproxy(), "-db", "-f", str(path)], self.folder / f"{name}.log")
        self.proxies.append(process)
        process.wait_for(lambda: listens(port))


def configuration(folder: Path, way: Way, listen: int, to: int, *, inbound: bool) -> str:
    """Return the configuration of one process."""
    http = way.kind != "tcp"
    bind = server = " proto h2" if way.kind == "grpc" else ""
    me = SERVER if inbound else CLIENT
    tls = f" ssl crt {folder / f'{me}.both'} ca-file {folder / 'ca.pem'} verify required"
    if http:
        tls += " alpn h2"
    if way.pair and inbound:
        bind = tls
    elif way.pair:
        server = tls
    return _COMMON.format(
        mode="http" if http else "tcp",
        reuse="    http-reuse always\n" if http else "",
        listen=listen,
        bind=bind,
        to=to,
        server=server,
    )
