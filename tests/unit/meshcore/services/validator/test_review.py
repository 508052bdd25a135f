"""What the validator answers: refusals with every field, and nothing refused that is not plainly invalid."""

from typing import Any

import pytest

from meshcore.services.validator.review import ReviewError, request_of, review
from tests.support.kinds import good, spoilt


def answer(each: Any) -> dict[str, Any]:
    found: dict[str, Any] = review({"uid": "u", "object": each}).response()["response"]
    return found


def test_a_good_object_is_allowed() -> None:
    assert answer(good("RateLimit")) == {"uid": "u", "allowed": True}


def test_a_bad_one_is_refused_with_each_field_and_its_fix() -> None:
    bad = spoilt("ServiceProfile", "routes.0.timeout", "0s")
    bad["spec"]["routes"][1]["name"] = "list"
    found = answer(bad)
    assert (found["allowed"], found["status"]["code"], found["status"]["reason"]) == (False, 422, "Invalid")
    assert found["status"]["message"].startswith("ServiceProfile web is invalid: spec.routes[0].timeout: '0s' is no ")
    details = found["status"]["details"]
    assert (details["kind"], details["name"]) == ("ServiceProfile", "web")
    causes = details["causes"]
    assert [each["field"] for each in causes] == ["spec.routes[0].timeout"]
    assert causes[0]["message"] == "'0s' is no time at all; write for example 30s, or remove the field"


def test_what_is_not_known_passes_with_a_warning() -> None:
    found = answer({"apiVersion": "other.dev/v1", "kind": "Thing", "metadata": {"name": "a"}})
    assert found["allowed"]
    assert "Thing a was not checked" in found["warnings"][0]


def test_what_is_going_is_not_held_up() -> None:
    bad = spoilt("RateLimit", "total.requestsPerSecond", 0)
    bad["metadata"]["deletionTimestamp"] = "2026-11-01T00:00:00Z"
    assert answer(bad)["allowed"]
    assert answer(None)["allowed"]


def test_many_faults_are_cut_and_counted() -> None:
    bad = spoilt("ServiceProfile", "opaquePorts", ["0"] * 40)
    found = answer(bad)["status"]
    assert len(found["details"]["causes"]) == 20
    assert found["message"].endswith("and 20 more")


@pytest.mark.parametrize("document", [None, [], {}, {"request": {}}, {"request": {"uid": 1}}])
def test_what_is_no_review_is_told(document: Any) -> None:
    with pytest.raises(ReviewError, match="no AdmissionReview"):
        request_of(document)
