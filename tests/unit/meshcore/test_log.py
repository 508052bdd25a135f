"""Log lines are JSON, one per event."""

import io
import json
import logging

from meshcore.log import setup


def test_a_line_is_json_with_its_fields(monkeypatch):
    root = logging.getLogger()
    before = root.handlers[:], root.level
    out = io.StringIO()
    try:
        log = setup("info", "sidecar", out)
        log.info("began\nagain", extra={"fields": {"port": 80}})
        log.debug("not shown")
        try:
            int("no")
        except ValueError:
            log.exception("failed")
    finally:
        root.handlers[:], root.level = before[0], before[1]
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["level"], first["logger"], first["message"], first["port"]) == ("info", "sidecar", "began\nagain", 80)
    assert first["time"].endswith("Z")
    assert "ValueError: invalid" in second["exception"]
