"""The demo's modules know each other by bare names, as they do when they run."""

import sys
from pathlib import Path

DEMO = str(Path(__file__).resolve().parents[4] / "deploy" / "demo")
if DEMO not in sys.path:
    sys.path.append(DEMO)
