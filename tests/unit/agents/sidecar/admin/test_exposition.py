"""The text format: escapes, sums of equal labels, cumulative buckets, slices."""

from agents.sidecar.admin.exposition import SLICE, Family, Histogram, join, labels
from meshcore.wire.buckets import SIZE


def test_values_are_escaped_and_empty_labels_left_out():
    assert labels({"a": 'x"y\\z\n', "b": ""}) == 'a="x\\"y\\\\z\\n"'
    assert join("", 'a="1"', "", 'b="2"') == 'a="1",b="2"'


def test_equal_labels_are_one_series():
    family = Family("x_total", "counter", "Help.")
    family.add('a="1"', 2)
    family.add('a="1"', 3)
    family.add("", 1)
    assert "".join(family.lines()) == '# HELP x_total Help.\n# TYPE x_total counter\nx_total{a="1"} 5\nx_total 1\n'


def test_a_family_without_series_says_nothing():
    assert list(Family("x", "gauge", "Help.").lines()) == list(Histogram("y", "Help.").lines()) == []


def test_buckets_are_cumulative_and_added_up():
    histogram = Histogram("latency_ms", "Help.")
    one = [0] * SIZE
    one[0], one[-1] = 2, 1
    histogram.add("", one, 5.0)
    histogram.add("", one, 7.5)
    lines = "".join(histogram.lines()).splitlines()
    assert lines[2] == 'latency_ms_bucket{le="1"} 4'
    assert lines[-4:] == [
        'latency_ms_bucket{le="50000"} 4',
        'latency_ms_bucket{le="+Inf"} 6',
        "latency_ms_sum 12.5",
        "latency_ms_count 6",
    ]


def test_many_series_come_in_slices():
    family = Family("x", "gauge", "Help.")
    for i in range(3 * SLICE):
        family.add(f'i="{i}"', i)
    assert len(list(family.lines())) > 2
