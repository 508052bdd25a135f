"""The init container's words: which flags make no sense, and why the kernel's tool came to nothing."""

from pathlib import Path

import pytest

from agents.redirect import main as redirect


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of all tools that are found; what they are is the test's business."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--inbound-port", "70000"], "--inbound-port: 70000 is not between 1 and 65535"),
        (["--proxy-uid", "-1"], "--proxy-uid: -1 is not between 0 and 4294967294"),
        (["--admin-port", "x"], "--admin-port: 'x' is no number"),
        (["--skip-inbound-ports", "0"], "'0' is outside 1 to 65535"),
        (["--skip-networks", "10.0.0.1/8"], "10.0.0.1/8 has host bits set"),
    ],
)
def test_flags_that_make_no_sense(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        redirect.main(["--print", *flags])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_tool_that_hangs_is_given_up(
    tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redirect, "LIMIT_S", 0.2)
    tool(tools, "iptables-nft-restore", "exit 0")
    tool(tools, "iptables-nft-save", "exec sleep 600")
    assert redirect.main([]) == 1
    assert "iptables-nft-save did not end within 0.2 s" in capsys.readouterr().err


def test_a_tool_that_cannot_be_started_is_said(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tool(tools, "iptables-nft-restore", "exit 0")
    (tools / "iptables-nft-save").write_text("#!/no/such/shell\n")
    (tools / "iptables-nft-save").chmod(0o755)
    assert redirect.main([]) == 1
    assert "agents redirect: iptables-nft-save cannot be started: No such file or directory" in capsys.readouterr().err


def test_what_the_kernel_says_is_passed_on(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tool(tools, "iptables-nft-save", "exit 0")
    tool(tools, "iptables-nft-restore", "echo 'Permission denied (you must be root)' >&2; exit 4")
    assert redirect.main([]) == 1
    said = capsys.readouterr().err
    assert "iptables-nft-restore: Permission denied (you must be root); the container needs" in said
