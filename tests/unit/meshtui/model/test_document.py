"""Messages of the wire as documents."""

from meshcore.wire import stats_pb2
from meshcore.wire.common_pb2 import Class, Resource
from meshtui.model.document import aligned, as_yaml, plain


def row() -> stats_pb2.StatRow:
    return stats_pb2.StatRow(
        resource=Resource(namespace="emojivoto", kind="deployment", name="web"),
        http=stats_pb2.HttpStats(
            success=12,
            p50_ms=1.23456789,
            statuses=[stats_pb2.StatusCount(status=200, classification=Class.SUCCESS, count=12)],
        ),
        series=stats_pb2.Series(rps=[1.0, float("nan"), 2.5]),
    )


def test_numbers_are_numbers_and_enums_have_names() -> None:
    found = plain(row())
    assert found["http"]["success"] == 12
    assert found["http"]["p50_ms"] == 1.23457
    assert found["http"]["statuses"][0]["classification"] == "SUCCESS"
    assert found["series"]["rps"] == [1.0, None, 2.5]


def test_figures_stand_on_one_line() -> None:
    text = as_yaml(row())
    assert "rps: [1.0, null, 2.5]" in text
    assert "  namespace: emojivoto\n" in text


def test_values_stand_below_each_other() -> None:
    assert aligned([("Name", "web"), ("Outcomes", "a"), ("", "b")]).splitlines() == [
        "Name:      web",
        "Outcomes:  a",
        "           b",
    ]
