"""A module that is postponed loads when something of it is used, and not before."""

import subprocess
import sys

import pytest

SAID = "import sys; from meshcore.postpone import postpone; "


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-S", "-c", SAID + code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "brings", "use"),
    [
        ("calendar", "datetime", "calendar.timegm((1970, 1, 2, 0, 0, 0))"),
        ("email.quoprimime", "string", "email.quoprimime.header_length(b'a')"),
    ],
)
def test_it_loads_when_it_is_used_and_not_when_it_is_imported(name: str, brings: str, use: str) -> None:
    code = (
        f"postpone({name!r}); import {name}; import {name} as again; sys.modules.pop({brings!r}, None); "
        f"before = {brings!r} in sys.modules; {use}; print(before, {brings!r} in sys.modules, again is {name})"
    )
    assert run(code) == "False True True"


def test_one_that_is_there_already_stays() -> None:
    assert run("import json; before = json; postpone('json'); print(sys.modules['json'] is before)") == "True"


def test_one_that_is_nowhere_is_left_to_whoever_imports_it() -> None:
    assert run("postpone('no_such_module'); print('no_such_module' in sys.modules)") == "False"


def test_what_it_does_not_have_is_an_attribute_error() -> None:
    code = "postpone('calendar'); import calendar\ntry: calendar.nothing\nexcept AttributeError as e: print(e)"
    assert run(code) == "module 'calendar' has no attribute 'nothing'"


def test_threads_that_use_it_together_all_find_it_whole() -> None:
    code = (
        "import threading; sys.setswitchinterval(1e-6); postpone('calendar', 'textwrap'); import calendar, textwrap\n"
        "found = []; start = threading.Barrier(8)\n"
        "def use(): start.wait(); found.append((calendar.timegm.__name__, textwrap.dedent.__name__))\n"
        "threads = [threading.Thread(target=use) for _ in range(8)]\n"
        "for each in threads: each.start()\n"
        "for each in threads: each.join()\n"
        "print(len(found))"
    )
    assert run(code) == "8"
