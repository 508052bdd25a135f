"""Modules that wait until somebody uses them: what a library loads at its start, and a program of ours hardly needs.

Packages of ours call it before they import that library. importlib's own LazyLoader would not do: with it, the next
`import` of the module loads it. A module that is there already stays as it is; threads that use one together wait for
the first of them to have loaded it.
"""

import sys
from _thread import RLock  # the lock alone; `threading` is not loaded for its sake
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
    turn = RLock()
    begun = False

    def load(attribute: str) -> Any:
        """Asked for what the module does not have yet (PEP 562): its whole self."""
        nonlocal begun
        with turn:
            if not begun:
                begun = True
                assert spec.loader is not None
                spec.loader.exec_module(module)
                if module.__dict__.get("__getattr__") is load:
                    del module.__dict__["__getattr__"]
            elif attribute not in module.__dict__ and module.__dict__.get("__getattr__") is load:
                raise AttributeError(f"module {spec.name!r} has no attribute {attribute!r} yet")  # asked by itself
        return getattr(module, attribute)

    module.__dict__["__getattr__"] = load
    return module
