"""What to do about an authority of which a part is gone: a new issuer would not chain to anchors that are there."""

from datetime import UTC, datetime
from typing import Any

import pytest

from meshcore.inject.names import ANCHORS_MAP, CONFIG_KEY, CONFIG_MAP, ISSUER_SECRET
from meshcore.kube.authority import fresh
from meshcore.kube.objects import CONFIG_MAPS, SECRETS, Object
from meshcore.wire.control_pb2 import CheckResult
from meshtui.sources.checks.facts import Facts, Place, Seen
from meshtui.sources.checks.trust import authority

OURS = dict(fresh("mesh"))
SETTINGS = """\
images: {agents: a, controller: c}
addresses: {identity: "i:1", control: "c:1"}
identity: {external: %s}
"""
ANEW = "kubectl rollout restart deployment meshtui-controller -n mesh"
DELETE = f"kubectl delete configmap {ANCHORS_MAP} -n mesh"


def hints(anchors: Object | None, secret: Object | None, *, external: bool = False) -> dict[str, str]:
    """Return the hint of each failure, by the name of the object that it is about."""
    document = SETTINGS % str(external).lower()
    objects: dict[Place, Seen[Any]] = {
        (CONFIG_MAPS, "mesh", ANCHORS_MAP): Seen(anchors),
        (SECRETS, "mesh", ISSUER_SECRET): Seen(secret),
        (CONFIG_MAPS, "mesh", CONFIG_MAP): Seen({"data": {CONFIG_KEY: document}}),
    }
    facts = Facts(where="here", now=datetime.now(UTC), mesh="mesh", objects=objects)
    bad = [item for item in authority(facts) if item.result == CheckResult.CHECK_ERROR]
    return {item.description.split()[1]: item.hint for item in bad}


def test_a_whole_authority_needs_nothing() -> None:
    assert hints(OURS[CONFIG_MAPS], OURS[SECRETS]) == {}


def test_a_lost_issuer_is_put_back_or_both_are_made_anew() -> None:
    (hint,) = hints(OURS[CONFIG_MAPS], None).values()
    assert hint.index("put it back from a copy") < hint.index(DELETE) < hint.index(ANEW)


def test_lost_anchors_are_in_the_issuers_secret() -> None:
    said = hints(None, OURS[SECRETS])
    assert f"kubectl create configmap {ANCHORS_MAP} -n mesh" in said[ANCHORS_MAP]
    assert list(said) == [ANCHORS_MAP]


def test_where_both_are_lost_there_is_nothing_to_delete_first() -> None:
    for hint in (said := hints(None, None)).values():
        assert ANEW in hint
        assert DELETE not in hint
    assert set(said) == {ANCHORS_MAP, ISSUER_SECRET}


@pytest.mark.parametrize("anchors", [OURS[CONFIG_MAPS], None], ids=["with anchors", "without"])
def test_cert_managers_issuer_is_cert_managers_to_make(anchors: Object | None) -> None:
    said = hints(anchors, None, external=True)
    assert "have cert-manager make it" in said[ISSUER_SECRET]
    assert not any(ANEW in hint for hint in said.values())
    assert (ANCHORS_MAP in said) is (anchors is None)
