"""Logging of every process of the mesh: one JSON line per event on stderr.

Called once by each command, the control plane's and the agents'. Nothing logs per request.
"""

import json
import logging
import sys
import time
from typing import IO


class Lines(logging.Formatter):
    """A record as one line of JSON; what was passed as `extra={"fields": {…}}` becomes fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        seconds, rest = divmod(record.created, 1)
        line: dict[str, object] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(rest * 1000):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def setup(level: str, name: str, stream: IO[str] | None = None) -> logging.Logger:
    """Send the process's log to stderr and return its logger."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    return logging.getLogger(name)
