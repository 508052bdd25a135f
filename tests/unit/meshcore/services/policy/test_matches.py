"""What a condition means is what a sidecar makes of the matches that stand for it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sidecar.state.routes import Routes
from meshcore.kinds.gateway import GRPCMatch, HTTPMatch, MethodMatch, PathMatch, ValueMatch
from meshcore.kinds.profile import Condition
from meshcore.services.policy.matches import METHODS, Untellable, of_condition, of_grpc, of_http
from meshcore.wire.policy_pb2 import Route, RouteMatch

PATHS = ("/", "/a", "/a/", "/a/b", "/ab", "/b/1", "/b/22", "/c")
LEAVES = st.one_of(
    st.builds(lambda one: Condition(method=one), st.sampled_from(("GET", "POST", "delete"))),
    st.builds(lambda one: Condition(path=one), st.sampled_from(PATHS)),
    st.builds(lambda one: Condition(path_prefix=one), st.sampled_from(("/", "/a", "/b/"))),
    st.builds(lambda one: Condition(path_regex=one), st.sampled_from(("/b/[0-9]+", "/(a|c)", "/a/?.*", "^/ab$"))),
    st.builds(lambda one, two: Condition(method=one, path_prefix=two), st.just("GET"), st.just("/a")),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda each: Condition(all_of=tuple(each)), st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda each: Condition(any_of=tuple(each)), st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda each: Condition(none_of=each), inner),
        st.builds(lambda one, each: Condition(method=one, none_of=each), st.just("PUT"), inner),
    ),
    max_leaves=4,
)


def holds(condition: Condition, method: str, path: str) -> bool:
    prefix, regex = condition.path_prefix, condition.path_regex
    return all(
        (
            condition.method is None or condition.method.upper() == method,
            condition.path is None or condition.path == path,
            prefix is None or path == prefix.rstrip("/") or path.startswith(prefix.rstrip("/") + "/"),
            regex is None or re.fullmatch(regex, path) is not None,
            condition.all_of is None or all(holds(each, method, path) for each in condition.all_of),
            condition.any_of is None or any(holds(each, method, path) for each in condition.any_of),
            condition.none_of is None or not holds(condition.none_of, method, path),
        )
    )


def found(matches: list[RouteMatch], method: str, path: str) -> bool:
    routes = Routes([Route(name="r", matches=matches)] if matches else [])
    return routes.find(method.encode(), path.encode()) is not None


@given(CONDITIONS, st.sampled_from(METHODS), st.sampled_from(PATHS))
def test_a_sidecar_finds_what_the_condition_means(condition: Condition, method: str, path: str) -> None:
    try:
        matches = of_condition(condition)
    except Untellable:
        return
    assert found(matches, method, path) == holds(condition, method, path)


def test_what_cannot_be_both_fits_nothing() -> None:
    both = Condition(all_of=(Condition(method="GET"), Condition(method="POST")))
    assert of_condition(both) == []
    assert of_condition(Condition(all_of=(Condition(path="/a"), Condition(path_prefix="/b")))) == []


def test_too_many_combinations_are_told() -> None:
    nine = Condition(none_of=Condition(method="GET"))
    either = Condition(any_of=tuple(Condition(path=f"/{n}") for n in range(30)))
    with pytest.raises(Untellable, match="more than 64"):
        of_condition(Condition(all_of=(nine, either)))


def test_matches_of_an_http_route() -> None:
    assert of_http(HTTPMatch(path=PathMatch(value="/a"), method="GET")) == RouteMatch(method="GET", path_prefix="/a")
    assert of_http(HTTPMatch(path=PathMatch(type="Exact", value="/a"))) == RouteMatch(path_exact="/a")
    assert of_http(HTTPMatch(path=PathMatch(type="RegularExpression", value="/a.*"))) == RouteMatch(path_regex="/a.*")
    assert of_http(HTTPMatch(path=PathMatch())) == RouteMatch()
    with pytest.raises(Untellable, match="headers"):
        of_http(HTTPMatch(headers=(ValueMatch(name="a", value="b"),)))


@pytest.mark.parametrize(
    ("match", "path", "fits"),
    [
        (MethodMatch(service="a.B", method="C"), "/a.B/C", True),
        (MethodMatch(service="a.B", method="C"), "/a.B/D", False),
        (MethodMatch(service="a.B"), "/a.B/D", True),
        (MethodMatch(service="a.B"), "/axB/D", False),
        (MethodMatch(method="C"), "/any/C", True),
        (MethodMatch(method="C"), "/any/CC", False),
        (MethodMatch(type="RegularExpression", service="a|b", method="C.*"), "/b/CC", True),
        (MethodMatch(type="RegularExpression", service="a|b", method="C.*"), "/c/CC", False),
    ],
)
def test_matches_of_a_grpc_route(match: MethodMatch, path: str, fits: bool) -> None:
    made = [of_grpc(GRPCMatch(method=match))]
    assert found(made, "POST", path) is fits
    assert not found(made, "GET", path)
