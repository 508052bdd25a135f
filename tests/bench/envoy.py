"""Envoy's side: one or two processes with static configuration that do what a sidecar, or a pair, does.

One worker thread each, as a sidecar has one. In a pair the hop is HTTP/2 under mutual TLS 1.3, and each side checks the
other's SPIFFE ID. Statistics are on, as they are by default; access logs are off on both sides of the comparison.
"""

import json
from pathlib import Path
from typing import Any

from tests.bench import certs, tools
from tests.bench.process import Process, answers, free_port

CLIENT, SERVER = "client", "origin"
_HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_OPTIONS = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."

Json = dict[str, Any]


class Envoy:
    """Envoys in front of the origin; for a pair, one more beside the client."""

    name = "envoy"

    def __init__(self, folder: Path, ports: dict[str, int], *, pair: bool) -> None:
        self._folder = folder
        self.proxies: list[Process] = []
        folder.mkdir(parents=True, exist_ok=True)
        certs.write(folder, CLIENT, SERVER)
        hops = {name: free_port() for name in ports}
        self.entry = {name: free_port() for name in ports} if pair else hops
        try:
            inward = [self._way(name, hops[name], port, inbound=True, pair=pair) for name, port in ports.items()]
            self._start(SERVER, inward)
            if pair:
                outward = [self._way(name, self.entry[name], hops[name], inbound=False, pair=True) for name in ports]
                self._start(CLIENT, outward)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for process in self.proxies:
            process.stop()

    def _start(self, name: str, ways: list[tuple[Json, Json]]) -> None:
        admin = free_port()
        config = {
            "admin": {"address": _address(admin)},
            "static_resources": {"listeners": [way[0] for way in ways], "clusters": [way[1] for way in ways]},
        }
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(config))
        command = [
            tools.envoy(), "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error",
        ]  # fmt: skip
        process = Process(command, self._folder / f"{name}.log")
        self.proxies.append(process)
        process.wait_for(lambda: answers(f"http://127.0.0.1:{admin}/ready"))

    def _way(self, name: str, listen: int, to: int, *, inbound: bool, pair: bool) -> tuple[Json, Json]:
        """Return a listener and the cluster that it leads to."""
        listener: Json = {
            "name": name,
            "address": _address(listen),
            "filter_chains": [{"filters": [_manager(name)]}],
        }
        cluster: Json = {
            "name": name,
            "type": "STATIC",
            "connect_timeout": "1s",
            "lb_policy": "LEAST_REQUEST",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(to)}}]}],
            },
        }
        if name == "grpc" or (pair and not inbound):
            explicit = {"explicit_http_config": {"http2_protocol_options": {}}}
            cluster["typed_extension_protocol_options"] = {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {"@type": _OPTIONS, **explicit}
            }
        if pair and inbound:
            listener["filter_chains"][0]["transport_socket"] = self._tls("Downstream", SERVER, CLIENT)
        elif pair:
            cluster["transport_socket"] = self._tls("Upstream", CLIENT, SERVER)
        return listener, cluster

    def _tls(self, side: str, me: str, other: str) -> Json:
        file = self._folder
        context: Json = {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
            "alpn_protocols": ["h2"],
            "tls_certificates": [
                {
                    "certificate_chain": {"filename": str(file / f"{me}.pem")},
                    "private_key": {"filename": str(file / f"{me}.key")},
                }
            ],
            "validation_context": {
                "trusted_ca": {"filename": str(file / "ca.pem")},
                "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": certs.identity(other)}}],
            },
        }
        made: Json = {"@type": f"{_TLS}{side}TlsContext", "common_tls_context": context}
        if side == "Downstream":
            made["require_client_certificate"] = True
        return {"name": "envoy.transport_sockets.tls", "typed_config": made}


def _address(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _manager(name: str) -> Json:
    route = {"match": {"prefix": "/"}, "route": {"cluster": name, "timeout": "0s"}}
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": _HTTP,
            "stat_prefix": name,
            "codec_type": "AUTO",
            "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
        },
    }
