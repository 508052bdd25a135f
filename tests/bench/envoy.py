"""Envoy's side: one or two processes with static configuration that do what a sidecar, or a pair, does.

One worker thread each, as a sidecar has one. In a pair the hop is mutual TLS 1.3, with HTTP/2 for what is HTTP, and
each side checks the other's SPIFFE ID. Statistics are on, as they are by default; access logs are off on both sides of
the comparison.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench import certs, tools
from tests.bench.mesh import prefixes
from tests.bench.process import Process, answers, free_port
from tests.bench.rows import Way
from tests.bench.side import Side

CLIENT, SERVER = "client", "origin"
_FILTERS = "type.googleapis.com/envoy.extensions.filters."
_MANAGER = _FILTERS + "network.http_connection_manager.v3.HttpConnectionManager"
_TCP = _FILTERS + "network.tcp_proxy.v3.TcpProxy"
_ROUTER = _FILTERS + "http.router.v3.Router"
_OPTIONS = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
_CONNECT = {"allow_connect": True}  # a WebSocket over HTTP/2 (RFC 8441)

Json = dict[str, Any]


class Envoy(Side):
    """Envoys in front of the origin; for a pair, one more beside the client."""

    name = "envoy"
    needs = staticmethod(tools.envoy)

    def __init__(self, folder: Path, way: Way, ports: Mapping[str, int]) -> None:
        super().__init__(folder)
        certs.write(folder, CLIENT, SERVER)
        hop = free_port()
        self.entry = free_port() if way.pair else hop
        try:
            self._start(SERVER, configuration(folder, way, hop, ports[way.kind], inbound=True))
            if way.pair:
                self._start(CLIENT, configuration(folder, way, self.entry, hop, inbound=False))
        except BaseException:
            self.stop()
            raise

    def _start(self, name: str, resources: Json) -> None:
        admin = free_port()
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"admin": {"address": _address(admin)}, "static_resources": resources}))
        command = [
            tools.envoy(), "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error",
        ]  # fmt: skip
        process = Process(command, self.folder / f"{name}.log")
        self.proxies.append(process)
        process.wait_for(lambda: answers(f"http://127.0.0.1:{admin}/ready"))


def configuration(folder: Path, way: Way, listen: int, to: int, *, inbound: bool) -> Json:
    """Return a listener and the cluster that it leads to."""
    chain: Json = {"filters": [_tunnel() if way.kind == "tcp" else _manager(way)]}
    cluster: Json = {
        "name": "bench",
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {
            "cluster_name": "bench",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(to)}}]}],
        },
    }
    if way.kind == "grpc" or (way.kind != "tcp" and way.pair and not inbound):
        explicit = {"http2_protocol_options": _CONNECT if way.kind == "websocket" else {}}
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _OPTIONS,
                "explicit_http_config": explicit,
            }
        }
    if way.pair and inbound:
        chain["transport_socket"] = _tls(folder, way, "Downstream", SERVER, CLIENT)
    elif way.pair:
        cluster["transport_socket"] = _tls(folder, way, "Upstream", CLIENT, SERVER)
    listener = {"name": "bench", "address": _address(listen), "filter_chains": [chain]}
    return {"listeners": [listener], "clusters": [cluster]}


def _tls(folder: Path, way: Way, side: str, me: str, other: str) -> Json:
    context: Json = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
        "tls_certificates": [
            {
                "certificate_chain": {"filename": str(folder / f"{me}.pem")},
                "private_key": {"filename": str(folder / f"{me}.key")},
            }
        ],
        "validation_context": {
            "trusted_ca": {"filename": str(folder / "ca.pem")},
            "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": certs.identity(other)}}],
        },
    }
    if way.kind != "tcp":
        context["alpn_protocols"] = ["h2"]
    made: Json = {"@type": f"{_TLS}{side}TlsContext", "common_tls_context": context}
    if side == "Downstream":
        made["require_client_certificate"] = True
    return {"name": "envoy.transport_sockets.tls", "typed_config": made}


def _address(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _tunnel() -> Json:
    config = {"@type": _TCP, "stat_prefix": "bench", "cluster": "bench"}
    return {"name": "envoy.filters.network.tcp_proxy", "typed_config": config}


def _manager(way: Way) -> Json:
    route: Json = {"cluster": "bench", "timeout": "0s"}
    routes = [{"match": {"prefix": prefix}, "route": route} for prefix in prefixes(way.routes) or ["/"]]
    config: Json = {
        "@type": _MANAGER,
        "stat_prefix": "bench",
        "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [{"name": "bench", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
    }
    if way.kind == "websocket":
        config["upgrade_configs"] = [{"upgrade_type": "websocket"}]
        config["http2_protocol_options"] = _CONNECT
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}
