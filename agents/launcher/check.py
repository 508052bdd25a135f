"""`check --name FILE`: what is wrong with the mesh.yaml on stdin, as JSON. Called by `meshtui check FILE`.

Nothing is started, and ports that are in use now are not held against the file: its own mesh may be running.
"""

import json
import os
import sys

from agents.launcher.document import SpecError, dotted, parse
from agents.launcher.rules import check as check_rules
from agents.launcher.spec import parse as parse_mesh


def check(name: str) -> int:
    """Print the faults as a list; the exit status is 0 whether there are some or not."""
    try:
        document = parse(sys.stdin.read(), name)
        check_rules(parse_mesh(document), document, os.environ, lambda port, host: None)
    except SpecError as error:
        faults = error.faults
    else:
        faults = ()
    found = [
        {"file": each.file, "line": each.line, "field": dotted(each.where), "problem": each.problem, "fix": each.fix}
        for each in faults
    ]
    sys.stdout.write(json.dumps(found) + "\n")
    return 0
