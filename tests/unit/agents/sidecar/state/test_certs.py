"""Certs: who listens hears of each change, and of nothing else."""

from agents.sidecar.state.certs import Certificate, Certs

ONE = Certificate("spiffe://local/ns/a/sa/b", b"chain", b"key", "/proc/self/fd/9", 0.0, 86400.0, "1f")


def test_listeners_hear_of_certificates_and_of_other_anchors():
    certs, heard = Certs(), []
    certs.subscribe(lambda: heard.append((certs.generation, certs.anchors_pem)))
    assert not certs.ready
    certs.install(ONE, "A")
    certs.trust("A")
    certs.trust("A B")
    certs.install(ONE, "A B")
    assert certs.ready
    assert heard == [(1, "A"), (2, "A B"), (3, "A B")]
    assert certs.renewals == 1


def test_the_key_stays_out_of_tracebacks():
    assert "b'key'" not in repr(ONE)
