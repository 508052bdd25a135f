"""Programs that a test tier needs beside Python: found, or the tier is skipped with what to install.

Under MESHTUI_REQUIRE_TIERS=all, as CI sets it, what is missing is a failure.
"""

import os
import shutil
from typing import NoReturn

import pytest


def need(program: str, package: str) -> str:
    """Return the path of a program, or skip the test with the Debian package that has it."""
    found = shutil.which(program)
    if found is None:
        absent(f"{program} is missing: apt-get install {package}")
    return found


def absent(reason: str) -> NoReturn:
    """Skip the test for a missing tool, or fail it where no tier may be skipped."""
    if os.environ.get("MESHTUI_REQUIRE_TIERS") == "all":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
