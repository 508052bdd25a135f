"""What is read of a mesh.yaml, and that each fault is told with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcore.services.policy.document import DocumentError, RouteRule, Service, parse

GOOD = """\
name: demo
namespace: shop
workloads:
  - name: web
    ports: {http: 8080, db: auto, six: "[::1]:81", any: "[::1]:auto", file: "unix:/run/a:80"}
    opaque: [db, 8080]
    routes:
      - {name: list, port: http, method: get, path: /list, timeout: 1.5s}
      - {name: any, timeout: 2}
  - name: cart
    namespace: bank
    kind: StatefulSet
    routes:
"""


def test_a_good_file() -> None:
    description = parse(GOOD, "mesh.yaml")
    assert description.namespace == "shop"
    assert description.find("shop", "web") == Service(
        namespace="shop",
        kind="deployment",
        name="web",
        ports=(("http", 8080), ("db", 0), ("six", 81), ("any", 0), ("file", 0)),
        opaque=frozenset({"db", "8080"}),
        routes=(
            RouteRule("list", port="http", method="GET", path="/list", timeout_ms=1500),
            RouteRule("any", timeout_ms=2000),
        ),
    )
    assert description.find("bank", "cart") == Service("bank", "statefulset", "cart")
    assert description.find("shop", "cart") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "m.yaml: is empty"),
        ("a: [", "m.yaml:1: is not YAML"),
        ("- x", "m.yaml:1: must be a mapping"),
        ("workloads: x", "m.yaml:1: workloads must be a list"),
        ("workloads:\n  - name: A", "m.yaml:2: 'A' is not a name"),
        ("workloads:\n  - name: a\n    ports: {http: 70000}", "m.yaml:3: ports.http: '70000' is not a port"),
        ("workloads:\n  - name: a\n    routes:\n      - {path: /}", "m.yaml:4: routes: a route without a name"),
        ("workloads:\n  - name: a\n    routes:\n      - {name: r, path: x}", "m.yaml:4: route r: path 'x' is no path"),
        ("workloads:\n  - name: a\n    routes:\n      - {name: r, pathRegex: '('}", "m.yaml:4: route r: pathRegex"),
        ("workloads:\n  - name: a\n    routes:\n      - {name: r, path: /, pathPrefix: /}", "has more than one path"),
        ("workloads:\n  - name: a\n    routes:\n      - {name: r, timeout: soon}", "'soon' is no duration"),
        ("workloads:\n  - name: a\n    routes:\n      - {name: r, timeout: 2000h}", "'2000h' is too long; write 1193h"),
        ("[" * 5_000, "is not YAML"),
        ("x" * 2_000_000, "split the mesh"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text, "m.yaml")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse("workloads:\n" + text, "m.yaml")
    except DocumentError as error:
        assert str(error).startswith("m.yaml")
