"""One property under atheris, which looks for bytes that reach new code: `python -m tests.fuzz.guided NAME CORPUS …`.

test_guided and `make fuzz` start it, a process for each property; what follows the name is libFuzzer's own, such as
-max_total_time=60. A failing input is left in a file, and passes its property as `NAME FILE` once it is mended.
"""

import sys

import atheris

with atheris.instrument_imports(include=["agents.sidecar.engine"]):
    from tests.fuzz import properties

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], getattr(properties, sys.argv[1]))
    atheris.Fuzz()
