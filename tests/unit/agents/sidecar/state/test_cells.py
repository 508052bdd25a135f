"""How a connection that failed is called among those that were closed."""

import errno

import pytest

from agents.sidecar.state.cells import errno_name


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (None, ""),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "ECONNRESET"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "EHOSTUNREACH"),
        (ConnectionResetError("upstream-reset"), "ECONNRESET"),
        (TimeoutError("connect-timeout"), "ETIMEDOUT"),
        (ConnectionError("tls-failed"), "tls-failed"),
        (ConnectionError("a sentence is no name"), ""),
        (OSError(), ""),
        (ValueError("x"), ""),
    ],
)
def test_names(error: BaseException | None, name: str) -> None:
    assert errno_name(error) == name
