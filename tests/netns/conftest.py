"""Every test of this tier runs with both kinds of iptables, or is skipped with what it misses."""

import pytest

from tests.support.netns import require

BACKENDS = ("nft", "legacy")


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pytest_runtest_setup(item: pytest.Function) -> None:
    require(item.callspec.params["backend"])  # here and not in the fixture: one line for all tests
