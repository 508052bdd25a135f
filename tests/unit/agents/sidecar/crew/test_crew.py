"""What a worker is told of the configuration: enough to open the same doors, and no secret that it has no use for."""

from agents.runtime.config import Inbound, Listener, Outbound, SidecarConfig, Transparent, read
from agents.sidecar.crew.crew import configuration

BASE = {
    "namespace": "default",
    "name": "web",
    "pod": "web-0",
    "trust_domain": "local",
    "identity_address": "127.0.0.1:1",
    "control_address": "127.0.0.1:2",
    "anchors_pem": "-----BEGIN CERTIFICATE-----",
    "token": "secret",
    "workers": 3,
}


def test_descriptors_and_free_ports_become_addresses_in_the_order_of_the_listeners():
    config = SidecarConfig(
        **BASE,
        labels={"team": "x"},
        admin=Listener(listen="fd:9"),
        inbound=(Inbound(name="http", port=80, listen="fd:5"), Inbound(name="rpc", port=81, listen="127.0.0.1:0")),
        outbound=(Outbound(target="api.default", listen="fd:6"),),
        proxy=Listener(listen="[::1]:0"),
    )
    told = configuration(config, [("127.0.0.1", 1005), ("127.0.0.1", 1000), ("127.0.0.1", 1006), ("::1", 1007)])
    assert b"secret" not in told
    worker = read(told)
    assert [each.listen for each in worker.inbound] == ["127.0.0.1:1005", "127.0.0.1:1000"]
    assert [each.listen for each in worker.outbound] == ["127.0.0.1:1006"]
    assert worker.proxy == Listener(listen="[::1]:1007")
    assert (worker.identity, worker.labels, worker.inbound[1].name) == (config.identity, {"team": "x"}, "rpc")


def test_redirected_listeners():
    config = SidecarConfig(
        **BASE,
        admin=Listener(listen="127.0.0.1:3"),
        inbound=(Inbound(name="http", port=80),),
        transparent=Transparent(
            inbound=("0.0.0.0:4143", "[::]:4143"), outbound=("127.0.0.1:4140",), addresses=("10.0.0.1",)
        ),
    )
    told = read(configuration(config, [("0.0.0.0", 4143), ("::", 4143), ("127.0.0.1", 4140)]))
    assert told.transparent == config.transparent
    assert told.inbound == config.inbound
