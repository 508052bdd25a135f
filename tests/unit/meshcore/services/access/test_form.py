"""Answers and refusals, in both forms."""

import json

import grpc

from meshcore.services.access.form import Frames, Json, Refusal, discovery, failure
from meshcore.wire.control_pb2 import StatusResponse
from meshcore.wire.frames import Reader, read_trailers

REFUSAL = Refusal(grpc.StatusCode.NOT_FOUND, "there is no deployment wbe", "did you mean web?")


def test_frames_carry_the_verdict_in_the_trailers() -> None:
    form = Frames()
    first, last = Reader().feed(form.message(StatusResponse(mesh="m")) + form.end(REFUSAL))
    assert StatusResponse.FromString(first.payload).mesh == "m"
    assert read_trailers(last.payload) == {
        "grpc-status": "5",
        "grpc-message": "there is no deployment wbe",
        "meshtui-hint": "did you mean web?",
    }
    assert form.status(REFUSAL) == 200


def test_json_is_one_object_a_line_with_all_its_fields() -> None:
    line = Json().message(StatusResponse(mesh="m"))
    assert line.endswith(b"\n")
    assert json.loads(line)["uplinks"] == 0


def test_a_refusal_is_what_kubectl_prints() -> None:
    status = failure(REFUSAL)
    assert (status["code"], status["reason"]) == (404, "NotFound")
    assert status["message"] == "there is no deployment wbe; did you mean web?"
    assert status["details"]["causes"] == [{"reason": "Hint", "message": "did you mean web?"}]
    assert Json().status(Refusal(grpc.StatusCode.DATA_LOSS, "?")) == 500


def test_the_group_lists_its_resources_with_their_verbs() -> None:
    found = {one["name"]: one["verbs"] for one in discovery("hello")["resources"]}
    assert found["stats"] == ["get", "list", "watch"]
    assert found["taps"] == ["watch"]
