from agents.launcher.revival import Revival


def test_waits_double_up_to_the_limit() -> None:
    revival = Revival()
    assert [revival.died(0.1) for _ in range(9)] == [0.5, 0.5, 1, 2, 4, 8, 16, 30, 30]


def test_the_mesh_s_own_come_back_at_once_the_first_time() -> None:
    revival = Revival(first=0.0)
    assert [revival.died(0.1) for _ in range(4)] == [0.0, 0.5, 1, 2]


def test_one_that_was_stable_starts_afresh() -> None:
    revival = Revival(first=0.0)
    for _ in range(6):
        revival.died(1.0)
    assert revival.died(revival.stable) == 0.0
    assert revival.died(0.1) == 0.5


def test_the_wait_stays_bounded_for_ever() -> None:
    revival = Revival()
    assert {revival.died(0.0) for _ in range(2000)} >= {30.0}
    assert revival.died(0.0) == 30.0
