import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.launcher.expand import expand, unknown

VALUES = {"ports.http": "8080", "name": "web", "env.HOME": "/home/me"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${ports.http}", "8080"),
        ("--port=${ports.http}/${name}", "--port=8080/web"),
        ("$PORT $ {x} $", "$PORT $ {x} $"),
        ("$${name}", "${name}"),
        ("${env.NO:-8}", "8"),
        ("${env.NO:-}", ""),
        ("${env.HOME:-x}", "/home/me"),
        ("${other}", "${other}"),
    ],
)
def test_references_are_filled_in(text: str, expected: str) -> None:
    assert expand(text, VALUES) == expected


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("${ports.htp}", "${ports.htp} is unknown", "did you mean ${ports.http}?"),
        ("${env.NO}", "NO is not set in the environment", "${env.NO:-TEXT} gives it a default"),
        ("${HOME}", "${HOME} is unknown", "${env.HOME} is meshtui's own environment, $${HOME} is literal"),
        ("${zzz}", "${zzz} is unknown", "known here: ports.http, name"),
        ("${", "${ without }", "write $${ for a literal ${"),
    ],
)
def test_what_cannot_be_filled_in_is_named(text: str, problem: str, fix: str) -> None:
    assert unknown(text, VALUES) == (problem, fix)


@given(st.text(alphabet="${}:-ab. ", max_size=30))
def test_text_without_a_complaint_has_no_reference_left(text: str) -> None:
    values = {"a": "1", "b": "2"}
    if unknown(text, values) is None:
        assert "${" not in expand(text.replace("$${", ""), values)
