"""Columns of the tap table."""

from meshcore.wire.common_pb2 import Direction
from meshtui.columns.exchange import columns, status
from meshtui.model.cell import Level
from meshtui.model.exchange import Exchanges
from tests.support.tapping import request


def cells(*events: object, **options: bool) -> dict[str, tuple[str, Level]]:
    ring = Exchanges()
    ring.extend(events)  # type: ignore[arg-type]
    return {column.key: tuple(column.cell(ring.rows()[0])) for column in columns(**options)}  # type: ignore[misc]


def test_a_failed_call() -> None:
    row = cells(*request("a", grpc=2, failed=True))
    assert row["status"] == ("× Unknown", Level.BAD)
    assert row["latency"][0] == "1.0ms"
    assert row["size"][0] == "5B"
    assert row["source"][0] == "web-0"
    assert row["direction"][0] == "→ out"


def test_a_request_under_way() -> None:
    row = cells(*request("a")[:1])
    assert row["status"] == ("…", Level.DIM)
    assert row["latency"] == ("…", Level.DIM)


def test_statuses() -> None:
    ring = Exchanges()
    ring.extend(request("ok", status=204) + request("client", status=404))
    ring.extend(request("server", status=503, failed=True) + request("error", status=0, failed=True, error="refused"))
    assert [status(x).text for x in ring.rows()] == ["204", "404", "× 503", "× refused"]
    assert status(ring.rows()[1]).level is Level.WARN


def test_ascii() -> None:
    row = cells(*request("a", direction=Direction.INBOUND, failed=True, status=500), ascii=True)
    assert row["status"][0] == "x 500"
    assert row["direction"][0] == "<- in"


def test_keys_and_hotkeys_are_unique() -> None:
    found = columns()
    hotkeys = [column.hotkey for column in found if column.hotkey]
    assert len({column.key for column in found}) == len(found)
    assert len(set(hotkeys)) == len(hotkeys)
