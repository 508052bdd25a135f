"""What `meshtui check` looks at on this machine, with or without a mesh; each check has a hint."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable

from meshcore.client.place import PlaceError, root, running
from meshcore.wire.control_pb2 import CheckCategory, CheckItem
from meshtui.model.check import bad, good, weak

OLDEST_PYTHON = (3, 11)
SMALLEST = (80, 24)


def categories() -> list[CheckCategory]:
    """Return the checks of this machine, as the control plane words its own."""
    return [
        CheckCategory(name="machine", checks=[_python(), _folder(), _ports(), _clock()]),
        CheckCategory(name="terminal", checks=[_tty(), _size(), _colours(), _encoding()]),
        CheckCategory(name="local-mesh", checks=[_mesh()]),
    ]


def _python() -> CheckItem:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return bad("Python is 3.11 or newer", f"this is Python {version}", "install Python 3.11 or newer")
    return good(f"Python is 3.11 or newer ({version})")


def _folder() -> CheckItem:
    what = "the runtime folder is private and can be written to"
    try:
        path = root()
        probe = path / f".check-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except PlaceError as error:
        return bad(what, str(error), error.hint)
    except OSError as error:
        return bad(what, f"{error.filename}: {error.strerror}", "set XDG_RUNTIME_DIR to a folder you can write to")
    return good(f"{what} ({path})")


def _ports() -> CheckItem:
    what = "ports can be opened on 127.0.0.1"
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            probe.listen(1)
    except OSError as error:
        return bad(
            what, f"cannot listen: {error.strerror}", "bring up the loopback interface, or lift the sandbox's limit"
        )
    return good(what)


def _clock(clock: Callable[[], float] = time.time) -> CheckItem:
    what = "the clock is set"
    if clock() < 1_700_000_000:
        return bad(
            what, f"it says {time.strftime('%Y-%m-%d', time.gmtime(clock()))}", "set it: certificates would be refused"
        )
    return good(what)


def _tty() -> CheckItem:
    what = "stdin and stdout are a terminal"
    # The real ones: a full-screen program that asks has put others in their places.
    if all(stream is not None and stream.isatty() for stream in (sys.__stdin__, sys.__stdout__)):
        return good(what)
    return weak(what, "the full-screen terminal cannot open here", "over ssh, ask for a terminal with `ssh -t`")


def _size() -> CheckItem:
    what = f"the terminal has at least {SMALLEST[0]}×{SMALLEST[1]} characters"
    size = shutil.get_terminal_size(SMALLEST)
    if size.columns < SMALLEST[0] or size.lines < SMALLEST[1]:
        return weak(what, f"it has {size.columns}×{size.lines}", "make the window larger, or its letters smaller")
    return good(f"{what} ({size.columns}×{size.lines})")


def _colours() -> CheckItem:
    what = "the terminal shows colours"
    term = os.environ.get("TERM", "")
    if os.environ.get("NO_COLOR"):
        return good("colours are off (NO_COLOR); signs carry the meaning")
    if term in ("", "dumb"):
        return weak(what, f"TERM is {term or 'not set'}", "set TERM, for example to xterm-256color")
    depth = "16 million" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "256" if "256" in term else "16"
    return good(f"{what} ({depth}, TERM={term})")


def _encoding() -> CheckItem:
    what = "text is UTF-8"
    encoding = (sys.__stdout__.encoding if sys.__stdout__ else "").lower()
    if encoding.replace("-", "") != "utf8" or os.environ.get("TERM") == "linux":
        return weak(
            what, f"it is {encoding or 'unknown'} on TERM={os.environ.get('TERM', '')}", "use `meshtui --ascii`"
        )
    return good(what)


def _mesh() -> CheckItem:
    what = "a local mesh runs"
    try:
        places = running()
    except PlaceError as error:
        return bad(what, str(error), error.hint)
    if places:
        return good(f"{what} ({', '.join(place.name for place in places)})")
    return weak(what, "none does", "`meshtui demo` starts one to look at, `meshtui up mesh.yaml` your own")
