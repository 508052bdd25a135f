"""Who the far end of a hop is: what its certificate says, and as much of its HELLO as that bears out."""

import pytest

from agents.sidecar.engine.hop import hello, introduce
from agents.sidecar.state.peers import TLS_MUTUAL, Peer

IDENTITY = "spiffe://local/ns/emojivoto/sa/web"
ME = Peer("emojivoto", "deployment", "web", "web-0", "web")


def test_a_workload_is_known_by_its_hello() -> None:
    peer = introduce(IDENTITY, "10.0.0.1:99", hello(ME))
    assert (peer.namespace, peer.kind, peer.name, peer.pod, peer.service_account) == (
        "emojivoto",
        "deployment",
        "web",
        "web-0",
        "web",
    )
    assert (peer.identity, peer.address, peer.tls) == (IDENTITY, "10.0.0.1:99", TLS_MUTUAL)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff garbage",
        hello(Peer("emojivoto", "deployment", "voting", "voting-0", "voting")),
        hello(Peer("default", "deployment", "web", "web-0", "web")),
    ],
)
def test_what_the_identity_does_not_bear_out_is_not_believed(said: bytes) -> None:
    peer = introduce(IDENTITY, "", said)
    assert (peer.namespace, peer.service_account, peer.identity) == ("emojivoto", "web", IDENTITY)
    assert (peer.kind, peer.name, peer.pod) == ("", "", "")


@pytest.mark.parametrize("identity", ["", "spiffe://local", "https://local/ns/a/sa/b", "spiffe://local/ns/A/sa/b"])
def test_an_identity_that_is_no_workloads_is_refused(identity: str) -> None:
    with pytest.raises(ValueError, match="SPIFFE|DNS"):
        introduce(identity, "", hello(ME))
