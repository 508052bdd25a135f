"""The authority's folder: made once, kept over restarts, followed, and mended after a kill."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meshcore.pki import authority
from meshcore.pki.authority import AuthorityError
from meshcore.services.identity.serving import Serving
from meshcore.services.identity.store import Store

DAY = 86_400.0
START = datetime(2026, 11, 23, tzinfo=UTC).timestamp()


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_new_folder_is_filled_and_private(tmp_path: Path, clock: Clock) -> None:
    Store(tmp_path / "ca", "test", clock)
    assert stat.S_IMODE((tmp_path / "ca").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "ca").iterdir()}
    assert modes == dict.fromkeys(("anchors.pem", "anchor.key", "issuer.pem", "issuer.key"), 0o600)


def test_a_restart_keeps_trust(tmp_path: Path, clock: Clock) -> None:
    first = Store(tmp_path, "test", clock).authority
    second = Store(tmp_path, "test", clock).authority
    assert (first.anchors, first.issuer) == (second.anchors, second.issuer)


def test_without_a_change_nothing_is_read_again(tmp_path: Path, clock: Clock) -> None:
    store = Store(tmp_path, "test", clock)
    before = store.authority
    assert not store.poll()
    assert store.authority is before


def test_an_issuer_that_nears_its_end_is_replaced_under_the_same_anchor(tmp_path: Path, clock: Clock) -> None:
    store = Store(tmp_path, "test", clock)
    before = store.authority
    clock.now += 340 * DAY
    assert store.poll()
    assert store.authority.anchors == before.anchors
    assert store.authority.issuer.not_valid_after_utc > before.issuer.not_valid_after_utc


def test_a_bad_replacement_changes_nothing_and_says_why(tmp_path: Path, clock: Clock) -> None:
    store = Store(tmp_path, "test", clock)
    before = store.authority
    good = (tmp_path / "issuer.pem").read_bytes()
    (tmp_path / "issuer.pem").write_bytes((tmp_path / "anchors.pem").read_bytes())
    assert not store.poll()
    assert store.authority is before
    assert "does not belong" in store.problem
    (tmp_path / "issuer.pem").write_bytes(good)
    assert not store.poll()
    assert store.problem == ""


def test_a_kill_between_the_issuers_files_is_mended(tmp_path: Path, clock: Clock) -> None:
    before = Store(tmp_path, "test", clock).authority
    (tmp_path / "issuer.key").write_bytes(authority.key_pem(authority.new_key()))
    after = Store(tmp_path, "test", clock).authority
    assert after.anchors == before.anchors
    assert after.issuer != before.issuer


@pytest.mark.parametrize("written", [0, 1, 2, 3])
def test_a_kill_while_the_folder_is_filled_is_mended(tmp_path: Path, clock: Clock, written: int) -> None:
    Store(tmp_path, "test", clock)
    for part in ("anchors.pem", "issuer.pem", "issuer.key", "anchor.key")[: 4 - written]:
        (tmp_path / part).unlink()
    (tmp_path / ".issuer.key.new").write_bytes(b"half")
    store = Store(tmp_path, "test", clock)
    assert not store.problem
    assert not store.poll()


def test_an_issuer_from_elsewhere_is_not_replaced(tmp_path: Path, clock: Clock) -> None:
    Store(tmp_path, "test", clock)
    (tmp_path / "anchor.key").unlink()
    (tmp_path / "issuer.key").write_bytes(authority.key_pem(authority.new_key()))
    with pytest.raises(AuthorityError, match="does not belong"):
        Store(tmp_path, "test", clock)


def test_the_serving_certificate_renews_at_70_percent_and_with_the_authority(tmp_path: Path, clock: Clock) -> None:
    store = Store(tmp_path, "test", clock)
    serving = Serving(store.authority, "spiffe://local/ns/meshtui/sa/control-plane", ("control-plane.meshtui",), clock)
    first = serving.current
    clock.now += 0.69 * DAY
    assert not serving.refresh(store.authority)
    clock.now += 0.02 * DAY
    assert serving.refresh(store.authority)
    assert serving.current.key != first.key
    clock.now += 340 * DAY
    store.poll()
    assert serving.refresh(store.authority)
    assert not serving.refresh(store.authority)
