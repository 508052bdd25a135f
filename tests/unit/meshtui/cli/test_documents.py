"""A stream is cut into what is a document and what is not, with nothing lost."""

import pytest

from meshtui.cli.documents import cut


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("", []),
        ("# nothing\n\n", []),
        ("a: 1", [("a: 1", 0)]),
        ("# first\na: 1\n", [("a: 1\n", 1)]),
        ("a: 1\n---\n# inside\nb: 2\n", [("a: 1\n", 0), ("# inside\nb: 2\n", 2)]),
        ("a: 1\r\n---\r\nb: 2\r\n", [("a: 1\r\n", 0), ("b: 2\r\n", 2)]),
        ("--- # why\na: 1\n...\n# between\n%YAML 1.2\n---\nb: 2\n...\n", [("a: 1\n", 1), ("b: 2\n", 6)]),
        ("a: 1\n...\nb: 2\n", [("a: 1\n", 0), ("b: 2\n", 2)]),
        ("--- {a: 1}\n--- |\n text\n", [("--- {a: 1}\n", 0), ("--- |\n text\n", 1)]),
        ("---\n---\n\n---\n", [("\n", 2)]),
        ("a: |\n  ---\n  ...\n  %\n---a: 1\n....: 2\n", [("a: |\n  ---\n  ...\n  %\n---a: 1\n....: 2\n", 0)]),
        ("a: 1\n%TAG\n", [("a: 1\n%TAG\n", 0)]),
        ("# a\n%YAML 1.1\na: 1\n", [("a: 1\n", 2)]),
    ],
)
def test_documents_and_where_they_begin(text: str, documents: list[tuple[str, int]]) -> None:
    parts = list(cut(text))
    assert "".join(part.text for part in parts) == text
    assert [(part.text, part.line) for part in parts if part.document] == documents
