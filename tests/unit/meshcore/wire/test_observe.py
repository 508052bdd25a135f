"""Questions become paths and back; the namespaces that they touch are the path's business."""

import re

import pytest
from google.protobuf.message import Message

from meshcore.wire import common_pb2, control_pb2, discovery_pb2, stats_pb2, tap_pb2
from meshcore.wire.observe import QUESTIONS, ROOT, PathError, Question, pack, path_of, question_of, read_path, unpack

Resource = common_pb2.Resource


def ask(method: str) -> Question:
    question = question_of(f"/meshtui.v1.{method}")
    assert question is not None
    return question


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.method)
def test_every_question_is_found_again_at_its_path(question: Question) -> None:
    path = path_of(question, question.request()).partition("?")[0]
    assert read_path(path) == (question, "")


@pytest.mark.parametrize(
    ("method", "request_", "where"),
    [
        (
            "StatsQuery/Stat",
            stats_pb2.StatRequest(targets=[Resource(namespace="shop", kind="deployment")]),
            "/namespaces/shop/stats",
        ),
        (
            "StatsQuery/Stat",
            stats_pb2.StatRequest(targets=[Resource(kind="namespace", name="shop")]),
            "/namespaces/shop/stats",
        ),
        ("StatsQuery/Stat", stats_pb2.StatRequest(targets=[Resource(kind="deployment")]), "/stats"),
        (
            "StatsQuery/Stat",
            stats_pb2.StatRequest(
                targets=[Resource(namespace="shop", kind="pod"), Resource(namespace="bank", kind="pod")]
            ),
            "/stats",
        ),
        ("StatsQuery/WatchEdges", stats_pb2.EdgesRequest(namespace="shop"), "/watch/namespaces/shop/edges"),
        ("Inventory/Pods", discovery_pb2.PodsRequest(), "/meshedpods"),
        (
            "TapQuery/Observe",
            tap_pb2.ObserveRequest(targets=[Resource(namespace="shop", kind="deployment", name="web")]),
            "/watch/namespaces/shop/taps",
        ),
        ("Control/Status", control_pb2.StatusRequest(namespace="shop"), "/namespaces/shop/meshstatus"),
    ],
)
def test_a_question_about_one_namespace_is_asked_there(method: str, request_: Message, where: str) -> None:
    path, _, query = path_of(ask(method), request_).partition("?q=")
    assert path == ROOT + where
    assert unpack(query, type(request_)) == request_


def test_what_only_launchers_and_sidecars_say_has_no_path() -> None:
    assert question_of("/meshtui.v1.LocalIdentity/IssueToken") is None
    assert question_of("/meshtui.v1.Inventory/Report") is None


@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("/apis/observe.meshtui.dev/v1beta1/stats", "resources are meshstatus"),
        (f"{ROOT}/nothing", "resources are meshstatus"),
        (f"{ROOT}/namespaces/shop", "resources are meshstatus"),
        (f"{ROOT}/namespaces/Shop!/stats", "no namespace's name"),
        (f"{ROOT}/namespaces/shop/stats/web", f"one workload are at {ROOT}/namespaces/shop/stats?name=web"),
        (f"{ROOT}/watch/namespaces/shop/taps/web", f"at {ROOT}/watch/namespaces/shop/taps?name=web"),
        (f"{ROOT}/namespaces/shop/taps", f"taps are at {ROOT}/watch/namespaces/shop/taps"),
        (f"{ROOT}/watch/checks", f"checks are at {ROOT}/checks"),
        (ROOT, "resources are meshstatus"),
    ],
)
def test_no_other_path_is_a_question(path: str, instead: str) -> None:
    with pytest.raises(PathError, match=re.escape(instead)):
        read_path(path)


@pytest.mark.parametrize("text", ["%%%", pack(b"\xff\xff"), "é"])
def test_a_query_that_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(PathError, match="StatRequest"):
        unpack(text, stats_pb2.StatRequest)
