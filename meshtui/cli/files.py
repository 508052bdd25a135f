"""`meshtui check FILE…`: are these files right? Objects of our kinds, Gateway routes, and a mesh.yaml, with file:line.

What the cluster's webhook would refuse is told here before it gets there, by the same code (meshcore.kinds). A
mesh.yaml is the launcher's to judge, which is asked. Nothing is started and no cluster is asked.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import typer

from meshcore.kinds.document import Document, documents
from meshcore.kinds.fault import Fault as Wrong
from meshcore.kinds.fault import Placed, dotted
from meshcore.kinds.text import check as check_text
from meshtui.cli import output
from meshtui.cli.fault import Fault
from meshtui.cli.local import launcher
from meshtui.model.cell import Cell, Level

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"
MAX_FILES = 10_000
LAUNCHER_S = 60


class Finding(NamedTuple):
    """One fault of one file; line 0: of the file as a whole."""

    file: str
    line: int
    field: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        named = f"{place}: {self.field}" if self.field else place
        return f"{named}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


class Result(NamedTuple):
    """What came of a file: how many objects were checked, how many are of kinds that are not ours, and the faults."""

    checked: int
    others: int
    findings: list[Finding]


def check_files(words: Sequence[str], form: output.Format) -> None:
    """Check files, folders and stdin (`-`); print what is wrong, and leave with status 1 if something is."""
    results = [_check(name, text) for name, text in _texts(words)]
    findings = [each for result in results for each in result.findings]
    checked, others = sum(each.checked for each in results), sum(each.others for each in results)
    if form.tabular:
        _show(findings, len(results), checked, others)
    else:
        record: dict[str, Any] = {"success": not findings, "files": len(results), "objects": checked, "skipped": others}
        output.dump(record | {"faults": [each._asdict() for each in findings]}, form)
    if findings:
        raise typer.Exit(1)


def _show(findings: list[Finding], files: int, checked: int, others: int) -> None:
    for each in findings:
        print(each)
    sign = Cell("×", Level.BAD) if findings else Cell("√", Level.GOOD)
    many = f"{len(findings)} fault{'' if len(findings) == 1 else 's'} in " if findings else ""
    objects = f"{checked} object{'' if checked == 1 else 's'}"
    print(f"{output.paint(sign)} {many}{objects} of {files} file{'' if files == 1 else 's'}")
    if others:
        output.note(f"{others} of other kinds: not checked")


def _texts(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each file's name and text; raises Fault for what cannot be read."""
    for word in words:
        if word == STDIN:
            yield "stdin", _read(word)
            continue
        path = Path(word)
        if not path.is_dir():
            yield word, _read(word)
            continue
        found = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())
        if not found:
            raise Fault(f"{word}: has no files that end in {', '.join(SUFFIXES)}", "name another folder", status=2)
        if len(found) > MAX_FILES:
            raise Fault(f"{word}: has {len(found)} files", f"name folders with {MAX_FILES} at most", status=2)
        for each in found:
            yield str(each), _read(str(each))


def _read(word: str) -> str:
    try:
        return sys.stdin.buffer.read().decode() if word == STDIN else Path(word).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Fault(f"{word}: is not UTF-8 text", "name a YAML or JSON file") from None
    except OSError as error:
        raise Fault(f"{word}: {error.strerror}", "name a file, a folder, or - for stdin", status=2) from None


def _check(name: str, text: str) -> Result:
    first = next(iter(documents(text, name)), None)
    if isinstance(first, Document) and _is_mesh(first.value):
        return _check_mesh(name, text)
    report = check_text(text, name)
    return Result(report.checked, report.others, [_finding(each) for each in report.faults])


def _is_mesh(value: Any) -> bool:
    return isinstance(value, dict) and "workloads" in value and "apiVersion" not in value


def _check_mesh(name: str, text: str) -> Result:
    """Ask the launcher about a mesh.yaml."""
    command = launcher("check", "--name", name)
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=LAUNCHER_S, check=False)
    try:
        faults = json.loads(done.stdout)
    except ValueError:
        raise Fault(f"{name}: cannot be checked: {done.stderr.strip()[-500:] or 'the launcher said nothing'}") from None
    return Result(1, 0, [Finding(**each) for each in faults])


def _finding(placed: Placed) -> Finding:
    wrong: Wrong = placed.fault
    return Finding(placed.file, placed.line, dotted(wrong.where), wrong.problem, wrong.fix)
