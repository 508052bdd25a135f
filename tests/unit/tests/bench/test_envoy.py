"""Envoy's configuration does for each kind of traffic what a sidecar does."""

import json

import pytest

from tests.bench.envoy import configuration
from tests.bench.rows import Way

H2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def made(tmp_path, way, *, inbound):
    found = configuration(tmp_path, way, 1, 2, inbound=inbound)
    (listener,), (cluster,) = found["listeners"], found["clusters"]
    return listener["filter_chains"][0], cluster


@pytest.mark.parametrize("kind", ["http", "grpc", "websocket", "tcp"])
def test_a_pair_checks_each_other(tmp_path, kind):
    chain, _ = made(tmp_path, Way(kind, pair=True), inbound=True)
    _, cluster = made(tmp_path, Way(kind, pair=True), inbound=False)
    server, client = chain["transport_socket"]["typed_config"], cluster["transport_socket"]["typed_config"]
    assert server["require_client_certificate"]
    for context, other in ((server, "client"), (client, "origin")):
        text = json.dumps(context)
        assert f"spiffe://local/ns/default/sa/{other}" in text
        assert "TLSv1_3" in text
        assert ('"h2"' in text) == (kind != "tcp")


def test_one_proxy_speaks_plainly(tmp_path):
    chain, cluster = made(tmp_path, Way("http", pair=False), inbound=True)
    assert "transport_socket" not in chain
    assert "transport_socket" not in cluster
    assert "typed_extension_protocol_options" not in cluster  # HTTP/1.1


def test_a_hop_is_http2_and_an_application_gets_what_it_speaks(tmp_path):
    assert H2 in made(tmp_path, Way("http", pair=True), inbound=False)[1]["typed_extension_protocol_options"]
    assert "typed_extension_protocol_options" not in made(tmp_path, Way("http", pair=True), inbound=True)[1]
    assert H2 in made(tmp_path, Way("grpc", pair=True), inbound=True)[1]["typed_extension_protocol_options"]


def test_routes(tmp_path):
    chain, _ = made(tmp_path, Way("http", pair=False, routes=100), inbound=True)
    (host,) = chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    assert len(host["routes"]) == 100
    assert host["routes"][-1]["match"] == {"prefix": "/bench"}
