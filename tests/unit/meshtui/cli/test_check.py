"""What `check` says of a control plane that is away, and its exit status."""

import json
from collections.abc import Awaitable, Callable

import pytest

from meshcore.client.failure import ClientError
from meshtui.cli import check
from meshtui.cli.main import execute


def test_a_control_plane_that_does_not_answer_is_a_failure_with_another_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: Callable[[], Awaitable[None]]) -> None:
        raise ClientError("the control plane does not answer", "`meshtui check` says what is wrong with it", lost=True)

    async def at_home(_: str) -> None:
        return None

    monkeypatch.setattr(check, "home_of", at_home)
    monkeypatch.setattr(check, "run", run)
    assert execute(["check", "-o", "json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["success"] is False
    (item,) = next(each["checks"] for each in said["categories"] if each["categoryName"] == "control-plane")
    assert (item["result"], item["error"]) == ("error", "the control plane does not answer")
    assert "meshtui logs control-plane" in item["hint"]
    assert "meshtui check" not in item["hint"]
