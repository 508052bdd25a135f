"""The terminal while the app has it: nobody else writes to it, signals leave it in order, a log file tells the rest.

`app.run` enters `held` around the app. Nothing here knows Textual.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

LARGEST = 2_000_000  # bytes of the log file before it is turned over
LEAVE_ON = (signal.SIGTERM, signal.SIGHUP)


def only_ascii(term: str) -> bool:
    """Tell whether a terminal is known to lack the signs we draw with: consoles have neither braille nor locks."""
    return term == "linux" or term.startswith(("vt1", "vt2"))


def state_folder() -> Path:
    """Return where logs and saved screens go (XDG base directories)."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "meshtui"


def log_to_file() -> Path:
    """Send all logging to a file and nowhere else; return the file."""
    path = state_folder() / "meshtui.log"
    handler: logging.Handler
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=LARGEST, backupCount=1, encoding="utf-8")
    except OSError:
        path, handler = Path(os.devnull), logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return path


@contextmanager
def held(leave: Callable[[int], None], log_file: Path) -> Iterator[None]:
    """Keep the terminal for the app; `leave` is called with an exit status when a signal asks to end."""
    with ExitStack() as stack:
        stack.enter_context(_signals(leave))
        stack.enter_context(_quiet(log_file))
        yield


@contextmanager
def _signals(leave: Callable[[int], None]) -> Iterator[None]:
    def ended(number: int, _frame: Any) -> None:
        log.info("ended by %s", signal.Signals(number).name)
        leave(128 + number)

    before = [(each, signal.signal(each, ended)) for each in LEAVE_ON]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def _quiet(log_file: Path) -> Iterator[None]:
    """Move what C code writes to stderr into the log; Textual, which draws there, gets a way of its own."""
    if sys.__stderr__ is None or not sys.__stderr__.isatty():
        yield
        return
    before = sys.__stderr__
    screen = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
    kept = os.dup(2)
    sink = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    sys.__stderr__ = screen  # type: ignore[misc]
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
        sys.__stderr__ = before  # type: ignore[misc]
        screen.close()
