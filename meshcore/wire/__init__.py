"""What crosses a process boundary.

The stubs here stand on protobuf's compiled half. The other half, a whole implementation in Python, is loaded by
protobuf all the same, and would be a tenth of what an idle sidecar keeps to itself: it waits until somebody uses it.
"""

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec


def _postpone(package: str, name: str) -> None:
    """Have a module load when something of it is first used (importlib's recipe, and known to its package)."""
    full = f"{package}.{name}"
    spec = find_spec(full)
    if full in sys.modules or spec is None or spec.loader is None:
        return
    spec.loader = loader = LazyLoader(spec.loader)
    sys.modules[full] = module = module_from_spec(spec)
    loader.exec_module(module)
    setattr(sys.modules[package], name, module)


_postpone("google.protobuf.internal", "python_message")
