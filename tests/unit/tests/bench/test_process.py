"""CPU time and memory, as the kernel tells them of one process."""

from tests.bench.process import read_rollup, read_schedstat, read_stat

ROLLUP = """55d0c0a00000-7ffd1b5f2000 ---p 00000000 00:00 0    [rollup]
Rss:               32920 kB
Pss:               24000 kB
Pss_Dirty:         18000 kB
Shared_Clean:      14000 kB
Private_Clean:       432 kB
Private_Dirty:     18000 kB
Private_Hugetlb:       8 kB
Swap:                  0 kB
"""


def test_private_memory_is_all_that_nobody_shares():
    assert read_rollup(ROLLUP) == (32920, 18440)


def test_ticks_behind_a_name_that_looks_like_more_of_the_line():
    assert read_stat("71 (a) b (c) S 1 71 71 0 -1 4194304 90 0 0 0 120 30 5 6 20 0 4 0 100") == 150


def test_nanoseconds_of_a_thread():
    assert read_schedstat("123456789 5000 42\n") == (123456789, 5000)
