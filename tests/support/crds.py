"""Write deploy/base/crds.yaml from the structs in meshcore/kinds, or check that it is what they give.

Called by `make crds` and by the lint step (`--check`).
"""

import argparse
from pathlib import Path

import yaml

from meshcore.kinds.crd import definitions

FILE = Path(__file__).resolve().parents[2] / "deploy" / "base" / "crds.yaml"
HEAD = "# Our kinds, written by `make crds` from meshcore/kinds; change them there.\n"


def generate() -> str:
    """Return the text of the file."""
    found: str = yaml.dump_all(definitions(), sort_keys=False, width=120, Dumper=_Dumper)
    return HEAD + found


class _Dumper(yaml.SafeDumper):
    """Indents lists as the other files in deploy/ have them, and repeats what is shared."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if not parser.parse_args().check:
        FILE.write_text(generate())
    elif not FILE.exists() or FILE.read_text() != generate():
        raise SystemExit(f"{FILE.name} differs from meshcore/kinds; run `make crds`")


if __name__ == "__main__":
    main()
