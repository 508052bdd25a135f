"""Requests from queries: meshtui's own, and what people type."""

import pytest

from meshcore.services.access.ask import request_of
from meshcore.wire import common_pb2, stats_pb2, tap_pb2
from meshcore.wire.observe import QUESTIONS, PathError, Question, pack

Resource = common_pb2.Resource
ASK = {(question.resource, question.watch): question for question in QUESTIONS}
STATS: Question = ASK["stats", False]
TAPS: Question = ASK["taps", True]


def test_words_make_a_request_in_the_namespace_of_the_path() -> None:
    query = [("kind", "deploy"), ("name", "web"), ("window", "5m"), ("routes", "true")]
    assert request_of(STATS, query, "shop") == stats_pb2.StatRequest(
        targets=[Resource(namespace="shop", kind="deployment", name="web")],
        window=stats_pb2.Window(length_ms=300_000),
        by_route=True,
    )


def test_no_words_ask_for_all_deployments() -> None:
    assert request_of(STATS, [], "") == stats_pb2.StatRequest(
        targets=[Resource(kind="deployment")], window=stats_pb2.Window()
    )


def test_a_tap_in_words() -> None:
    request = request_of(TAPS, [("name", "web"), ("method", "get"), ("limit", "3")], "shop")
    assert isinstance(request, tap_pb2.ObserveRequest)
    assert (list(request.match.methods), request.limit) == (["GET"], 3)


def test_a_whole_request_stands_alone() -> None:
    whole = stats_pb2.StatRequest(targets=[Resource(namespace="shop", kind="pod")])
    query = ("q", pack(whole.SerializeToString()))
    assert request_of(STATS, [query], "shop") == whole
    with pytest.raises(PathError, match="stands alone"):
        request_of(STATS, [query, ("kind", "pod")], "shop")


def test_a_path_of_one_namespace_answers_for_no_other() -> None:
    for target, named in (
        (Resource(namespace="bank", kind="pod"), "bank"),
        (Resource(kind="pod"), "every namespace"),
        (Resource(kind="namespace", name="bank"), "bank"),
    ):
        whole = stats_pb2.StatRequest(targets=[Resource(namespace="shop", kind="pod"), target])
        with pytest.raises(PathError, match=f"of namespace shop, the request of .*{named}"):
            request_of(STATS, [("q", pack(whole.SerializeToString()))], "shop")


def test_what_kubectl_adds_by_itself_is_no_word_of_ours() -> None:
    plain = request_of(STATS, [("kind", "pod")], "shop")
    assert request_of(STATS, [("kind", "pod"), ("timeout", "3s"), ("pretty", "true")], "shop") == plain


@pytest.mark.parametrize(
    ("question", "query", "why"),
    [
        (STATS, [("kid", "pod")], "stats has no 'kid'; there are kind, name"),
        (STATS, [("kind", "gadget")], "kind='gadget' is no kind"),
        (STATS, [("window", "soon")], "window='soon' is not a duration"),
        (STATS, [("window", "2562047h")], "window='2562047h' is longer than any duration here"),
        (STATS, [("points", "-1")], "points='-1' is no whole number"),
        (STATS, [("points", "9" * 5000)], "points='9+ is no whole number up to 2000"),
        (STATS, [("points", "2001")], "up to 2000"),
        (STATS, [("routes", "yes")], "neither true nor false"),
        (STATS, [("kind", "pod"), ("kind", "svc")], "the query has 'kind' twice"),
        (ASK["checks", False], [("kind", "pod")], "there are none"),
    ],
)
def test_what_makes_no_sense_is_told(question: Question, query: list[tuple[str, str]], why: str) -> None:
    with pytest.raises(PathError, match=why):
        request_of(question, query, "shop")
