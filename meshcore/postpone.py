"""Modules that wait until somebody uses them: what a library loads at its start, and a program of ours hardly needs.

Packages of ours call it before they import that library. importlib's own LazyLoader would not do: with it, the next
`import` of the module loads it. For programs of one thread; a module that is there already stays as it is.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


def postpone(*names: str) -> None:
    """Have modules load when something of them is first used, not when they are imported."""
    for name in names:
        spec = find_spec(name)  # which loads its package
        if spec is None or name in sys.modules:
            continue
        sys.modules[name] = module = _waiting(spec)
        package, _, own = name.rpartition(".")
        if package:
            setattr(sys.modules[package], own, module)


def _waiting(spec: ModuleSpec) -> ModuleType:
    module = module_from_spec(spec)

    def load(attribute: str) -> Any:
        """Asked for what the module does not have yet (PEP 562): its whole self."""
        del module.__dict__["__getattr__"]
        assert spec.loader is not None
        spec.loader.exec_module(module)
        return getattr(module, attribute)

    module.__dict__["__getattr__"] = load
    return module
