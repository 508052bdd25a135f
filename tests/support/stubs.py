"""Write the stubs of the .proto files, or check that the committed ones are what protoc gives.

Called by `make stubs` and by the lint step (`--check`). The plug-ins come from the development
extra, so a running meshtui never needs protoc.
"""

import argparse
import filecmp
import os
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
WIRE = Path("meshcore/wire")
DEMO = Path("deploy/demo")  # imports nothing of ours, so its stubs stand beside it under bare names


def generate(out: Path) -> None:
    """Compile every .proto file into `out`; raises SystemExit if protoc refuses one."""
    # protoc looks for the mypy plug-ins on PATH, where a virtual environment need not be.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    protos = sorted(str(p.relative_to(ROOT)) for p in (ROOT / WIRE).glob("*.proto"))
    services = [p for p in protos if "\nservice " in (ROOT / p).read_text()]
    demo = sorted(p.name for p in (ROOT / DEMO).glob("*.proto"))
    (out / DEMO).mkdir(parents=True, exist_ok=True)
    for args in (
        [f"-I{ROOT}", f"--python_out={out}", f"--mypy_out=quiet:{out}", *protos],
        [f"-I{ROOT}", f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}", *services],
        [f"-I{ROOT / DEMO}", f"--python_out={out / DEMO}", *demo],
    ):
        if protoc.main(["protoc", *args]) != 0:
            raise SystemExit("protoc refused the .proto files above")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if not parser.parse_args().check:
        generate(ROOT)
        return
    with tempfile.TemporaryDirectory() as tmp:
        generate(Path(tmp))
        fresh = {str(p.relative_to(tmp)) for p in Path(tmp).rglob("*_pb2*")}
        kept = {str(p.relative_to(ROOT)) for room in (WIRE, DEMO) for p in (ROOT / room).glob("*_pb2*")}
        _, changed, missing = filecmp.cmpfiles(tmp, ROOT, sorted(fresh), shallow=False)
        stale = sorted({*changed, *missing, *(kept - fresh)})
        if stale:
            raise SystemExit(f"stubs differ from the .proto files: {', '.join(stale)}; run `make stubs`")


if __name__ == "__main__":
    main()
