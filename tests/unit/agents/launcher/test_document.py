from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.launcher.document import Document, SpecError, dotted, parse, read


def test_values_know_their_lines() -> None:
    document = parse("a:\n  - b: 1\n    c: [x,\n      y]\n", "f")
    assert document.value == {"a": [{"b": 1, "c": ["x", "y"]}]}
    assert document.line(("a", 0, "b")) == 2
    assert document.line(("a", 0, "c", 1)) == 4
    assert document.line(("a", 0, "missing")) == 2


def test_scalars_are_what_they_look_like_and_nothing_else() -> None:
    text = "[1, -2, 1.5, true, null, ~, '1', on, no, 010, 12:30, 0x10, 1e3, 2020-01-01]"
    expected = [1, -2, 1.5, True, None, None, "1", "on", "no", "010", "12:30", "0x10", "1e3", "2020-01-01"]
    assert parse(text, "f").value == expected


def test_keys_given_twice_are_found() -> None:
    assert parse("a: 1\nb: 2\na: 3", "f").twice == [(("a",), 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n\t- b", "f:2: is not YAML: found character '\\t' that cannot start any token; indent with spaces"),
        ("a: [", "f:1: is not YAML: expected the node content, but found '<stream end>'"),
        ("a: *b", "f:1: is not YAML: found undefined alias"),
        ("---\na\n---\nb", "f:3: is not YAML: but found another document"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text, "f")
    assert str(caught.value).startswith(message[:40])
    assert "\n" not in str(caught.value)


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(SpecError, match="holds more than"):
        parse("\n".join(lines), "f")


def test_an_alias_of_itself_is_refused() -> None:
    with pytest.raises(SpecError):
        parse("a: &a [*a]", "f")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no such file"):
        read(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    with pytest.raises(SpecError, match="is not UTF-8 text"):
        read(tmp_path / "latin.yaml")
    with pytest.raises(SpecError, match="Is a directory"):
        read(tmp_path)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse(text, "f"), Document)
    except SpecError as error:
        assert error.faults


def test_places_are_written_as_people_do() -> None:
    assert dotted(("workloads", 2, "ports", "http")) == "workloads[2].ports.http"
