import base64
from pathlib import Path

from agents.launcher.plan import Instance, Outbound, Port
from agents.launcher.ports import Listening
from agents.launcher.sidecar import configuration
from agents.launcher.spec import Limits
from agents.runtime.config import SidecarConfig, read
from meshcore.wire.identity_pb2 import IssueTokenResponse, TrustBundle
from meshcore.wire.ids import Target


def test_a_sidecar_takes_what_it_is_given() -> None:
    instance = Instance(
        namespace="shop",
        kind="statefulset",
        name="web",
        pod="web-1",
        service_account="front",
        command=("serve",),
        directory=Path("/"),
        environment={},
        ports=(
            Port("http", 8080, listener=Listening(41000, 5)),
            Port("sql", 5432, opaque=True, listener=Listening(41001, 6), host="unix:/run/sql"),
        ),
        outbound=(Outbound("emoji", Target("emoji", "shop", "grpc"), Listening(41002, 7)),),
        zone="a",
        labels={"tier": "1"},
        proxy_workers=3,
        limits=Limits(requests=50, waiting_bytes="1Mi"),
        proxy=Listening(41003, 8),
        admin=Listening(41004, 9),
    )
    issued = IssueTokenResponse(
        token="once",
        identity="spiffe://corp.example/ns/shop/sa/front",
        trust=TrustBundle(anchors=[b"first", b"second"]),
        identity_address="127.0.0.1:1",
        control_address="127.0.0.1:2",
    )
    config = read(configuration(instance, issued))
    assert config.identity == issued.identity
    assert (config.kind, config.pod, config.zone, config.labels) == ("statefulset", "web-1", "a", {"tier": "1"})
    assert [(port.name, port.port, port.listen, port.opaque) for port in config.inbound] == [
        ("http", 8080, "fd:5", False),
        ("sql", 5432, "fd:6", True),
    ]
    assert [port.host for port in config.inbound] == ["127.0.0.1", "unix:/run/sql"]
    assert [(out.target, out.listen) for out in config.outbound] == [("emoji.shop:grpc", "fd:7")]
    assert config.workers == 3
    assert (config.max_requests, config.max_waiting_bytes) == (50, 1 << 20)
    assert config.max_connections == SidecarConfig.max_connections  # the sidecar's own
    assert config.proxy is not None
    assert (config.proxy.listen, config.admin.listen, config.token) == ("fd:8", "fd:9", "once")
    assert config.anchors_pem.count("BEGIN CERTIFICATE") == 2
    assert base64.b64encode(b"second").decode() in config.anchors_pem
