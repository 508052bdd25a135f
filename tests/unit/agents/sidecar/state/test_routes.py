"""Routes: one expression for all of them answers as trying each in order would."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sidecar.state.routes import Routes
from meshcore.wire import policy_pb2


def make(*matches: dict[str, str]) -> Routes:
    routes = []
    for number, match in enumerate(matches):
        route = policy_pb2.Route(name=str(number))
        route.matches.add(**match)
        routes.append(route)
    return Routes(routes)


def name(routes: Routes, method: bytes, path: bytes) -> str | None:
    found = routes.find(method, path)
    return found.name if found else None


PIECES = st.sampled_from(["/", "/a", "/ab", "/abc", "/a/b", "/a/b/", "/b", "/a.c"])
METHODS = st.sampled_from(["", "GET", "POST"])
REGEXES = st.sampled_from(
    ["/a.*", "/ab?", "/a+", "/(a|b)/.*", "/[^/]+", "/a/(b)", "/a|/b", ".*", "^/abc$", "/ab{2}", "/abc*"]
)
MATCHES = st.one_of(
    st.builds(lambda method, path: {"method": method, "path_exact": path}, METHODS, PIECES),
    st.builds(lambda method, path: {"method": method, "path_prefix": path}, METHODS, PIECES),
    st.builds(lambda method, path: {"method": method, "path_regex": path}, METHODS, REGEXES),
    st.builds(lambda method: {"method": method}, METHODS),
)
PATHS = st.sampled_from(
    ["/", "/a", "/ab", "/abb", "/abc", "/abcc", "/a/b", "/a/b/c", "/b", "/b/x", "/axc", "/a.c", "/c", "*"]
)


def holds(match: dict[str, str], method: str, path: str) -> bool:
    if match["method"] and match["method"] != method:
        return False
    if "path_exact" in match:
        return path == match["path_exact"]
    if "path_prefix" in match:
        prefix = match["path_prefix"].rstrip("/")
        return path == prefix or path.startswith(prefix + "/")
    return "path_regex" not in match or re.fullmatch(match["path_regex"], path) is not None


@given(st.lists(MATCHES, max_size=8), METHODS.filter(bool), PATHS)
def test_as_if_each_were_tried_in_order(matches: list[dict[str, str]], method: str, path: str) -> None:
    expected = next((str(number) for number, match in enumerate(matches) if holds(match, method, path)), None)
    assert name(make(*matches), method.encode(), path.encode()) == expected


@pytest.mark.parametrize(
    ("regex", "path"),
    [
        ("/things/(\\d+)", b"/things/42"),
        ("^/things/[^/]*$", b"/things/x"),
        ("/price\\$", b"/price$"),
        ("/a{2}", b"/aa"),
        ("/ab*", b"/abbb"),
        ("/x|/y", b"/y"),
    ],
)
def test_expressions_mean_the_whole_path(regex: str, path: bytes) -> None:
    routes = make({"path_regex": regex})
    assert name(routes, b"GET", path) == "0"
    assert name(routes, b"GET", path + b"/more") is None
    assert name(routes, b"GET", path + b"?query") == "0"


def test_none() -> None:
    assert Routes().find(b"GET", b"/") is None
    assert Routes().empty


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/12", "0"),
        ("/orders/12", "1"),
        ("/USERS/x", "2"),
        ("/users/x", "2"),
        ("/twice/ab/ab", "3"),
        ("/twice/ab/cd", "4"),
        ("/last", "4"),
        ("/none", None),
    ],
)
def test_an_expression_s_groups_and_flags_are_its_own(path: str, expected: str | None) -> None:
    routes = make(
        {"path_regex": "/users/(?P<id>[0-9]+)"},
        {"path_regex": "/orders/(?P<id>[0-9]+)"},
        {"path_regex": "(?i)/users/x"},
        {"path_regex": r"/twice/(\w+)/\1"},
        {"path_regex": "/(last|twice/.*)"},
    )
    assert name(routes, b"GET", path.encode()) == expected
