"""The bundle of the last start is the first of the next, unless it cannot be used."""

import logging
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.sidecar.feeds.bundle import Bundle
from agents.sidecar.state.certs import Certs
from meshcore.pki import authority

LOG = logging.getLogger("test")


def anchor() -> str:
    return authority.pem(authority.create_anchor("test", datetime.now(UTC))[0]).decode()


def test_what_was_told_last_is_known_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "anchors.pem"
    certs = Certs()
    assert Bundle(str(path), certs, LOG).read() == ""
    old, new = anchor(), anchor()
    certs.trust(old)
    certs.trust(old + new)
    certs.trust(new)
    assert Bundle(str(path), Certs(), LOG).read() == new
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_used_is_said_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "anchors.pem"
    certs = Certs()
    for garbage in (b"no certificate", b"\xff\xfe", b""):
        path.write_bytes(garbage)
        caplog.clear()
        assert Bundle(str(path), certs, LOG).read() == ""
        assert str(path) in caplog.text
    certs.trust(told := anchor())
    assert path.read_text() == told


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certs = Certs()
    Bundle(str(tmp_path / "missing/anchors.pem"), certs, LOG)
    certs.trust(anchor())
    assert "not kept for the next start" in caplog.text


def test_without_a_path_nothing_is_kept() -> None:
    certs = Certs()
    assert Bundle("", certs, LOG).read() == ""
    certs.trust(anchor())
