"""One check's outcome, as the control plane words its own: good, weak (‼) or bad (×), the last two with the next step.

Checks of this machine (cli/machine) and of a cluster (sources/checks) are made of these; pure.
"""

from collections.abc import Iterable, Sequence

from meshcore.wire.control_pb2 import CheckCategory, CheckItem, CheckResult

NAMED = 5  # so many culprits are named, the rest counted


def good(description: str) -> CheckItem:
    return CheckItem(description=description, result=CheckResult.CHECK_SUCCESS)


def weak(description: str, error: str, hint: str) -> CheckItem:
    return CheckItem(description=description, result=CheckResult.CHECK_WARNING, error=error, hint=hint)


def bad(description: str, error: str, hint: str) -> CheckItem:
    return CheckItem(description=description, result=CheckResult.CHECK_ERROR, error=error, hint=hint)


def judge(description: str, error: str, hint: str) -> CheckItem:
    """Return a good outcome where there is no error, else a bad one."""
    return bad(description, error, hint) if error else good(description)


def warn(description: str, error: str, hint: str) -> CheckItem:
    """Return a good outcome where there is no error, else a weak one."""
    return weak(description, error, hint) if error else good(description)


def failed(categories: Iterable[CheckCategory]) -> bool:
    """Tell whether anything is bad; what is weak, or could not be seen, is no failure."""
    return any(item.result == CheckResult.CHECK_ERROR for category in categories for item in category.checks)


def some(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
