"""A program's version is found in what it says, and not in where it lies."""

from tests.bench.tools import version


def test_version(tmp_path):
    program = tmp_path / "python3.11" / "envoy"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$0  version: 9e55/1.40.0/Clean"\n')
    program.chmod(0o755)
    assert version(str(program)) == "1.40.0"


def test_a_program_that_tells_none(tmp_path):
    program = tmp_path / "quiet"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    assert version(str(program)) == ""
