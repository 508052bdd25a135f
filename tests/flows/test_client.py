"""The client against a real control plane that is killed, stopped and started again."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from meshcore.client import control, inventory, stats, tap
from meshcore.client.channel import follow, open_session
from meshcore.client.failure import ClientError
from meshcore.wire import common_pb2

NOTICED_S = 6.0  # three seconds of keep-alive, and a busy machine
BACK_S = 3.0


class Plane:
    """A control plane's process, started again and again in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.child = self.start()

    @property
    def socket(self) -> Path:
        return self.folder / "control.sock"

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "meshcore", "--mesh", "test", "--dir", str(self.folder)]
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self.child


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    folder = tmp_path / "test"
    folder.mkdir(mode=0o700)
    plane = Plane(folder)
    yield plane
    plane.child.kill()
    plane.child.wait()


async def test_all_questions_get_answers(plane: Plane) -> None:
    async with open_session(plane.socket, wait=20) as session:
        assert (await control.status(session)).mesh == "test"
        assert (await control.check(session)).categories
        assert not (await inventory.pods(session)).pods
        everything = [common_pb2.Resource(kind="deployment")]
        assert not (await stats.stat(session, stats.stat_request(everything))).rows
        assert not (await stats.edges(session, stats.edges_request("deployment"))).edges
        web = common_pb2.Resource(namespace="default", kind="deployment", name="web")
        with pytest.raises(ClientError, match="there is no") as caught:
            await anext(tap.observe(session, [web]))
        assert caught.value.code == "not_found"


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
async def test_a_lost_control_plane_is_noticed_and_found_again(plane: Plane, blow: signal.Signals) -> None:
    times: dict[str, float] = {}
    async with (
        asyncio.timeout(30),
        open_session(plane.socket, wait=20) as session,
        aclosing(follow(lambda: control.watch_status(session, 100))) as answers,
    ):
        async for answer in answers:
            if isinstance(answer, ClientError):
                times["lost"] = time.monotonic()
                plane.child.kill()
                plane.child.wait()
                plane.start()
                async with open_session(plane.socket, wait=20):
                    times["ready"] = time.monotonic()
            elif "lost" in times:
                times["back"] = time.monotonic()
                break
            elif "blow" not in times:
                times["blow"] = time.monotonic()
                plane.child.send_signal(blow)
    assert times["lost"] - times["blow"] < NOTICED_S
    assert times["back"] - times["ready"] < BACK_S
