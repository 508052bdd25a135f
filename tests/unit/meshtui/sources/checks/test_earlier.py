"""What of an earlier mesh is in the way of another: its anchors, its issuer, its webhook in another namespace."""

from typing import Any

import pytest

from meshcore.kube.needs import INJECTOR, ISSUER, TRUST
from meshcore.kube.objects import CONFIG_MAPS, MUTATING_WEBHOOKS, SECRETS
from meshtui.sources.checks.earlier import crowd, places, traces

UPGRADE = "`meshtui upgrade`"
ANCHORS, SECRET, WEBHOOK = (CONFIG_MAPS, "mesh", TRUST), (SECRETS, "mesh", ISSUER), (MUTATING_WEBHOOKS, "", INJECTOR)


def webhook(namespace: str) -> dict[str, Any]:
    return {"webhooks": [{"clientConfig": {"service": {"namespace": namespace, "name": "meshtui-webhook"}}}]}


def test_nothing_is_in_the_way_of_the_first() -> None:
    wanted = places("mesh")
    assert wanted == [ANCHORS, SECRET, WEBHOOK]
    assert traces("mesh", dict.fromkeys(wanted), UPGRADE) == {}


def test_anchors_are_a_mesh_and_the_issuer_belongs_to_them() -> None:
    found = traces("mesh", {ANCHORS: {"data": {}}, SECRET: {"data": {"issuer.pem": "x"}}}, UPGRADE)
    assert list(found) == [ANCHORS]
    assert found[ANCHORS].error == f"ConfigMap mesh/{TRUST} holds its trust anchor"
    assert f"{UPGRADE} keeps it" in found[ANCHORS].hint


def test_an_issuer_that_is_left_is_kept_or_deleted_by_hand() -> None:
    (trace,) = traces("mesh", {SECRET: {"data": {"issuer.pem": "x"}}}, UPGRADE).values()
    assert (trace.issuer, trace.foreign) == (True, False)
    assert "the issuer of an earlier mesh" in trace.error
    assert f"kubectl delete secret {ISSUER} -n mesh" in trace.hint


def test_cert_managers_issuer_is_told_from_ours() -> None:
    (trace,) = traces("mesh", {SECRET: {"type": "kubernetes.io/tls", "data": {"tls.crt": "x"}}}, UPGRADE).values()
    assert (trace.issuer, trace.foreign) == (True, True)
    assert "meshtui install --identity-external --identity-anchors FILE" in trace.hint


@pytest.mark.parametrize(
    "other",
    [None, {}, webhook("mesh"), {"webhooks": [{"clientConfig": {"url": "https://localhost"}}]}],
    ids=["none", "empty", "the same namespace's", "by URL"],
)
def test_a_webhook_that_leads_nowhere_else_is_none(other: dict[str, Any] | None) -> None:
    assert traces("mesh", {WEBHOOK: other}, UPGRADE) == {}


def test_a_mesh_in_another_namespace_would_lose_its_webhook() -> None:
    found = traces("mesh", {WEBHOOK: webhook("first")}, UPGRADE)
    assert "that of the mesh in namespace first" in found[WEBHOOK].error
    assert "meshtui uninstall --mesh-namespace first" in found[WEBHOOK].hint
    assert not found[WEBHOOK].issuer


def test_a_mesh_of_one_namespace_may_be_beside_the_clusters() -> None:
    assert WEBHOOK not in places("mesh", scoped=True)


def test_what_others_run_is_named_and_not_all_of_it() -> None:
    assert crowd("mesh", []) is None
    found = crowd("mesh", [f"pod/web-{number}" for number in range(7)])
    assert found is not None
    assert "namespace mesh holds pod/web-0, pod/web-1, pod/web-2, pod/web-3, pod/web-4 and 2 more" in found.error
    assert "--namespaced" in found.hint
