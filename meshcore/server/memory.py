"""How this process takes memory from the system: in one heap, as its threads take turns anyway.

gRPC's threads would each get a heap of their own from glibc, and what one frees the others do not use: with hundreds of
sidecars that is a fifth of all that is held. Called once, before there are threads.
"""

import ctypes

M_ARENA_MAX = -8  # malloc.h


def share_heap() -> bool:
    """Have all threads use one heap; False where the C library has no such choice."""
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1))
    except (AttributeError, OSError):  # not glibc
        return False
