"""Each answer that is an error is one line and a next step."""

import json
from typing import Any

import pytest

from meshcore.kube import failure
from meshcore.kube.refusal import refused

WHERE = "https://api:6443"
OBSERVE = "/apis/observe.meshtui.dev/v1alpha1/namespaces/shop/stats"


def status(code: int, reason: str, message: str, **details: Any) -> bytes:
    said = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return json.dumps(said).encode()


def test_expired_credentials() -> None:
    error = refused(WHERE, 401, status(401, "Unauthorized", "Unauthorized"))
    assert (error.code, error.lost) == (failure.UNAUTHENTICATED, False)
    assert "log in again" in error.hint


def test_being_forbidden_says_how_it_is_allowed() -> None:
    sentence = 'User "jane" cannot list resource "pods" in API group "" in the namespace "shop"'
    error = refused(WHERE, 403, status(403, "Forbidden", sentence))
    assert (error.code, error.message) == (failure.FORBIDDEN, f"not allowed: {sentence}")
    assert "kubectl create rolebinding jane-view --clusterrole=view --user=jane -n shop" in error.hint


def test_an_api_that_is_not_there_and_an_object_that_is_not() -> None:
    error = refused(WHERE, 404, b"404 page not found\n", path=OBSERVE)
    assert error.code == failure.NO_SUCH_API
    assert "has no observe.meshtui.dev/v1alpha1" in error.message
    assert "not installed" in error.hint
    error = refused(WHERE, 404, status(404, "NotFound", 'pods "a" not found', name="a", kind="pods"))
    assert (error.code, error.message) == (failure.NOT_FOUND, 'pods "a" not found')


def test_what_answers_our_api_is_away() -> None:
    error = refused(WHERE, 503, b"error trying to reach service: dial tcp 10.0.0.1:8443: refused", path=OBSERVE)
    assert (error.code, error.lost) == (failure.UNAVAILABLE, True)
    assert "cannot reach what answers observe.meshtui.dev" in error.message
    assert "kubectl get apiservice v1alpha1.observe.meshtui.dev" in error.hint


@pytest.mark.parametrize(
    ("code", "reason", "expected", "lost"),
    [
        (409, "AlreadyExists", failure.EXISTS, False),
        (409, "Conflict", failure.CONFLICT, False),
        (410, "Expired", failure.GONE, False),
        (422, "Invalid", failure.INVALID, False),
        (500, "InternalError", failure.INTERNAL, False),
        (503, "ServiceUnavailable", failure.UNAVAILABLE, True),
        (504, "Timeout", failure.TIMEOUT, True),
        (599, "", failure.INTERNAL, False),
    ],
)
def test_codes(code: int, reason: str, expected: str, lost: bool) -> None:
    error = refused(WHERE, code, status(code, reason, "so it is"))
    assert (error.code, error.lost, error.status) == (expected, lost, code)
    assert "so it is" in error.message


def test_when_to_come_again() -> None:
    error = refused(WHERE, 429, b"slow down", {"Retry-After": "7"})
    assert (error.code, error.retry_after, error.lost) == (failure.THROTTLED, 7.0, True)
    assert refused(WHERE, 500, status(500, "ServerTimeout", "x", retryAfterSeconds=2)).retry_after == 2.0
    assert refused(WHERE, 429, b"", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}).retry_after is None


def test_a_page_is_not_shown_to_a_person() -> None:
    assert refused(WHERE, 502, b"<html><body>nginx</body></html>").message.endswith("HTTP 502")
