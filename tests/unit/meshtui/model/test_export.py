"""Graphs for other programs."""

import json

from meshtui.model import export
from meshtui.model.graph import read
from meshtui.model.look import Look
from tests.support.edges import EMOJIVOTO, answer


def test_json_has_every_node_and_edge_and_no_nan() -> None:
    found = json.loads(export.document(read(answer(EMOJIVOTO))))
    assert [node["id"] for node in found["nodes"]] == [
        f"emojivoto/deployment/{name}" for name in ("emoji", "vote-bot", "voting", "web")
    ]
    assert found["nodes"][1]["success"] is None
    assert {edge["tls"] for edge in found["edges"]} == {"mutual"}


def test_dot_quotes_names_and_colours_failures() -> None:
    found = export.dot(read(answer('we"b.x>voting.y:1:50')))
    assert 'subgraph cluster_0 {\n    label="x"' in found
    assert '"x/deployment/we\\"b" -> "y/deployment/voting" [label="50.00% 1.0/s mutual" color=red penwidth=2];' in found


def test_text_is_the_drawing() -> None:
    assert "╭─ vote-bot ─" in export.text(read(answer(EMOJIVOTO)), Look())
