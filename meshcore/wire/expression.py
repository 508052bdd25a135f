"""Expressions that people write and sidecars search requests with: RE2's, whose time grows with the text and no faster.

Python's own may take years over thirty bytes, and what a viewer of requests writes must not stop those. Pure.
"""

from collections.abc import Callable

LIMIT = 1024  # bytes of an expression
_MEMORY = 1 << 20  # bytes of what RE2 makes of one


def searcher(expression: str) -> Callable[[bytes], bool]:
    """Return what tells whether an expression is found in bytes; ValueError says in a line why it is none.

    Its syntax is RE2's (https://github.com/google/re2/wiki/Syntax): no lookaround, no backreferences.
    """
    import re2  # two megabytes that most sidecars never need

    pattern = expression.encode()
    if len(pattern) > LIMIT:
        raise ValueError(f"longer than {LIMIT} bytes")
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # of bytes, whatever they mean
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
    except re2.error as error:
        said = error.args[0] if error.args else ""
        raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None
    return lambda text: search(text) is not None
