"""Which pods stand in the way of dropping an old anchor."""

import time
from typing import Any

from cryptography import x509

from meshcore.inject import names
from meshcore.pki.authority import create_anchor, create_issuer, pem, utc
from meshtui.cli.rotation import State, digest


def pod(bundle: str, *volumes: str) -> dict[str, Any]:
    return {
        "metadata": {"annotations": {names.TRUST_ROOT: digest(bundle)}},
        "spec": {"volumes": [{"name": name} for name in volumes]},
    }


def test_pods_that_keep_what_they_are_told_need_no_restart() -> None:
    now = time.time()
    old, key = create_anchor("old", utc(now - 60))
    new, _ = create_anchor("new", utc(now))
    issuer: x509.Certificate = create_issuer("old", old, key, utc(now))[0]
    text = {anchor: pem(anchor).decode() for anchor in (old, new)}
    before = pod(text[old], names.TOKEN_VOLUME)
    pods = [before, pod(text[old], names.TRUST_VOLUME), pod(text[old] + text[new]), pod(text[new])]
    assert State([old, new], issuer, [], pods).outdated() == [before]
