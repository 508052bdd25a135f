"""/metrics: Linkerd's names and labels, and what promtool thinks of it."""

import logging
import subprocess

import pytest

from agents.sidecar.admin import metrics
from agents.sidecar.state.certs import Certificate, Certs
from agents.sidecar.state.counters import INBOUND, OUTBOUND, Counters
from agents.sidecar.state.peers import TLS_MUTUAL, TLS_NONE, Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from agents.sidecar.state.violations import Violation
from meshcore.wire import discovery_pb2
from meshcore.wire.buckets import index
from tests.support.tools import need

ME = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0")
VOTING = Peer("emojivoto", "deployment", "voting", "voting-0", "voting", "spiffe://local/ns/emojivoto/sa/voting", "::1")
STRANGER = Peer(address="10.1.1.1:42", tls=TLS_NONE)


class Draining:
    draining = False


def runtime():
    counters = Counters()
    made = Runtime(
        me=ME,
        boot_id="b",
        counters=counters,
        taps=Taps(ME, "b", lambda: 0.0),
        certs=Certs(),
        drain=Draining(),
        log=logging.getLogger("test"),
    )
    outbound = counters.edge(OUTBOUND, VOTING, "emojivoto", "voting", 8080, TLS_MUTUAL, "")
    inbound = counters.edge(INBOUND, STRANGER, "emojivoto", "web", 80, TLS_NONE, "no_tls_from_remote")
    for edge, latencies in ((outbound, (1, 30, 700)), (inbound, (2,))):
        edge.tcp.opening()
        edge.tcp.read_bytes += 10
        for latency in latencies:
            cell = edge.http('vo"te', 3, 200, 2 if edge is outbound else None, 2, "")
            cell.count += 1
            cell.buckets[index(latency)] += 1
            cell.latency_sum_ms += latency
    inbound.http("", 1, 0, None, 2, "timeout").count += 1
    inbound.tcp.closing("ECONNRESET")
    made.bounds.connections = 7
    made.bounds.clients = lambda: 3
    made.bounds.waiting = 4096
    made.bounds.refused["requests-limit"] = 2
    made.bounds.refused["streams-limit"] = 5
    made.violations.count(Violation("inbound", "src", "ENHANCE_YOUR_CALM", "pings"), 0.0)
    made.certs.install(Certificate("spiffe://x", b"", b"", "", 0.0, 86400.0, "1"), "A")
    put = discovery_pb2.Endpoint(id="voting-0", ip="127.0.0.1", port=1, weight=1)
    made.directory.discover("voting.emojivoto:8080").apply(discovery_pb2.EndpointsUpdate(exists=True, put=[put]))
    return made


@pytest.fixture
def text():
    return "".join(metrics.render(runtime(), lambda: {"stats"}))


OUT = (
    'direction="outbound",authority="voting.emojivoto.svc.cluster.local:8080",target_addr="::1",'
    'dst_namespace="emojivoto",dst_service="voting",dst_deployment="voting",dst_pod="voting-0",'
    'dst_serviceaccount="voting",tls="true",server_id="spiffe://local/ns/emojivoto/sa/voting"'
)
IN = 'direction="inbound",target_port="80",tls="no_identity",no_tls_reason="no_tls_from_remote"'


@pytest.mark.parametrize(
    "line",
    [
        f'request_total{{{OUT},route_name="vo\\"te"}} 3',
        f'response_total{{{OUT},route_name="vo\\"te",status_code="200",classification="failure",grpc_status="2"}} 3',
        f'response_latency_ms_bucket{{{OUT},route_name="vo\\"te",status_code="200",le="30"}} 2',
        f'response_latency_ms_bucket{{{OUT},route_name="vo\\"te",status_code="200",le="+Inf"}} 3',
        f'response_latency_ms_count{{{OUT},route_name="vo\\"te",status_code="200"}} 3',
        f'response_total{{{IN},classification="failure",error="timeout"}} 1',
        f'tcp_open_connections{{peer="dst",{OUT}}} 1',
        f'tcp_open_connections{{peer="src",{IN}}} 0',
        f'tcp_close_total{{peer="src",{IN},errno="ECONNRESET"}} 1',
        f'tcp_read_bytes_total{{peer="src",{IN}}} 10',
        "identity_cert_expiration_timestamp_seconds 86400.0",
        "identity_cert_refreshes_total 1",
        'meshtui_uplink_up{stream="stats"} 1',
        'meshtui_uplink_up{stream="tap"} 0',
        'meshtui_limit{limit="connections"} 7',
        'meshtui_limit{limit="streams"} 2000',
        'meshtui_limit_used{limit="connections"} 3',
        'meshtui_limit_used{limit="waiting_bytes"} 4096',
        'meshtui_limit_refused_total{limit="requests"} 2',
        'meshtui_limit_refused_total{limit="streams"} 5',
        'meshtui_http2_violations_total{direction="inbound",peer="src",code="ENHANCE_YOUR_CALM",reason="pings"} 1',
        'meshtui_tls_refused_total{direction="inbound",reason="expired"} 0',
        'meshtui_endpoint_inflight_requests{target="voting.emojivoto:8080",endpoint="voting-0"} 0',
    ],
)
def test_lines(text, line):
    assert line in text.splitlines()


def test_no_series_is_written_twice(text):
    names = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(names) == len(set(names))


def test_the_overflow_edge_is_told_as_one():
    made = runtime()
    made.counters._max_edges = 0
    made.counters.edge(INBOUND, Peer(name="more"), "", "", 1, 0, "").tcp.opening()
    assert 'tcp_open_total{peer="src",direction="inbound",meshtui_overflow="true"} 1' in "".join(
        metrics.render(made, set)
    )


def test_promtool_has_nothing_to_say_but_that_linkerd_names_a_unit(text):
    done = subprocess.run(
        [need("promtool", "prometheus"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    # The one remark is about the name that Linkerd gave its histogram, and that its boards ask for.
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["response_latency_ms metric names should not contain abbreviated units"]
