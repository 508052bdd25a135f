"""Every test of this tier runs with both kinds of iptables, or is skipped with what it misses.

Those that take `workers` run once more with sidecars of several processes."""

import pytest

from tests.support.netns import require

BACKENDS = ("nft", "legacy")
CREW = 3  # processes of each sidecar: which kind of iptables has led a connection there is nothing to them


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "workers" in metafunc.fixturenames:
        cases = [pytest.param(backend, 1, id=backend) for backend in BACKENDS]
        cases.append(pytest.param(BACKENDS[0], CREW, id=f"{BACKENDS[0]}-{CREW}-workers"))
        metafunc.parametrize(("backend", "workers"), cases, scope="module")
    elif "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", BACKENDS, scope="module")


def pytest_runtest_setup(item: pytest.Function) -> None:
    require(item.callspec.params["backend"])  # here and not in the fixture: one line for all tests
