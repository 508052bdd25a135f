"""The policy stream: told at once, told of changes, and never worse for a bad edit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from meshcore.services.policy.serve import Policy
from meshcore.wire.policy_pb2 import PolicyRequest, WorkloadPolicy

TEXT = "namespace: shop\nworkloads:\n  - name: web\n    ports: {http: auto}\n    opaque: [http]\n"


@pytest.fixture
def ports() -> dict[str, int]:
    return {}


@pytest.fixture
def policy(tmp_path: Path, ports: dict[str, int]) -> Policy:
    file = tmp_path / "mesh.yaml"
    file.write_text(TEXT)
    return Policy(file, ports=lambda namespace, pod: ports, wall_ms=lambda: 1000)


def watch(policy: Policy) -> AsyncIterator[WorkloadPolicy]:
    return policy.Watch(PolicyRequest(namespace="shop", name="web", pod="web-0"), cast(Any, None))


def edit(policy: Policy, text: str) -> None:
    assert policy.file is not None
    policy.file.write_text(text)
    policy.poll()


async def test_a_change_is_told_with_a_higher_version(policy: Policy) -> None:
    stream = watch(policy)
    first = await anext(stream)
    assert (first.version, list(first.inbound)) == (1000, [])
    edit(policy, TEXT + "    routes: [{name: all}]\n")
    second = await anext(stream)
    assert second.version > first.version
    assert [route.name for route in second.inbound[0].routes] == ["all"]


async def test_an_edit_that_changes_nothing_for_a_workload_is_not_told(policy: Policy) -> None:
    stream = watch(policy)
    await anext(stream)
    edit(policy, TEXT + "# a word\n  - name: cart\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.05)


async def test_ports_are_told_once_the_instance_has_registered(policy: Policy, ports: dict[str, int]) -> None:
    stream = watch(policy)
    first = await anext(stream)
    ports["http"] = 40001
    policy.touch({("shop", "web")})
    second = await anext(stream)
    assert [(port.port, port.opaque) for port in second.inbound] == [(40001, True)]
    assert second.version > first.version


async def test_a_bad_edit_keeps_the_last_good_policy(policy: Policy, caplog: pytest.LogCaptureFixture) -> None:
    before = policy.description
    edit(policy, "workloads: 5\n")
    edit(policy, "workloads: 6\n")
    assert policy.description is before
    assert "workloads must be a list" in policy.problem
    assert policy.file is not None
    policy.file.unlink()
    policy.poll()
    assert "cannot be read" in policy.problem
    edit(policy, TEXT)
    assert policy.problem == ""
    assert policy.description == before


def test_without_a_file_there_is_no_policy_and_no_problem() -> None:
    policy = Policy(None, ports=lambda namespace, pod: {}, wall_ms=lambda: 0)
    assert (policy.problem, policy.version, policy.description.services) == ("", 0, ())


async def test_watchers_leave_nothing_behind(policy: Policy) -> None:
    stream = watch(policy)
    await anext(stream)
    await cast(Any, stream).aclose()
    assert not policy._watchers


async def test_what_is_composed_elsewhere_is_told_when_it_is_renewed() -> None:
    made = [WorkloadPolicy(detect_timeout_ms=1)]
    asked: list[tuple[str, str, str]] = []

    def compose(*who: str) -> WorkloadPolicy:
        asked.append((who[0], who[1], who[2]))
        return made[-1]

    policy = Policy(None, ports=lambda namespace, pod: {}, wall_ms=lambda: 1000, compose=compose)
    stream = watch(policy)
    first = await anext(stream)
    policy.renew()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.05)  # nothing is new for it
    stream = watch(policy)
    await anext(stream)
    made.append(WorkloadPolicy(detect_timeout_ms=2))
    policy.renew()
    second = await anext(stream)
    assert (first.detect_timeout_ms, second.detect_timeout_ms) == (1, 2)
    assert second.version > first.version
    assert asked[0] == ("shop", "web", "web-0")


async def test_nobody_is_told_rules_before_those_that_there_are_were_read() -> None:
    known = asyncio.Event()
    rules: list[WorkloadPolicy] = []

    async def read() -> None:
        await known.wait()

    policy = Policy(None, ports=lambda *_: {}, wall_ms=lambda: 1000, compose=lambda *_: rules[0], read=read)
    answer = asyncio.ensure_future(anext(watch(policy)))
    await asyncio.sleep(0.05)
    assert not answer.done()  # or a sidecar would go on without the rules that it has
    rules.append(WorkloadPolicy())
    rules[0].inbound.add(port=80)
    known.set()
    told = await asyncio.wait_for(answer, 60)
    assert [each.port for each in told.inbound] == [80]
