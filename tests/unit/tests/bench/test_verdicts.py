"""Goals are judged by the ratio of rounds, against the best of those we are compared with."""

from tests.bench.rows import ROWS
from tests.bench.verdicts import failures, judge

ROW = {row.name: row for row in ROWS}


def proxy(*costs, p99=0.5, private=20, resident=30, errors=0):
    return {
        "cpu_us": sorted(costs)[len(costs) // 2],
        "cpu_us_rounds": list(costs),
        "added_p99_ms": p99,
        "idle_private_kib": private,
        "idle_resident_kib": resident,
        "loaded_resident_kib": resident + 10,
        "errors": errors,
        "requests": 1000,
        "said": "closed" if errors else "",
    }


def verdicts(name, **proxies):
    result = {"name": name, "direct": None, "proxies": {key.replace("_", "-"): made for key, made in proxies.items()}}
    return {verdict.what: (verdict.value, verdict.met) for verdict in judge(ROW[name], result)}


def test_a_slow_round_slows_both_sides_of_its_ratio():
    assert verdicts("http1", meshtui=proxy(10, 40, 10), envoy=proxy(20, 80, 20))["CPU"] == (0.5, True)


def test_the_best_rival_is_the_measure_and_haproxy_is_none():
    found = verdicts("http1", meshtui=proxy(20), envoy=proxy(40), linkerd2_proxy=proxy(25), haproxy=proxy(10))
    assert found["CPU"] == (0.8, False)


def test_a_goal_that_is_reached_exactly():
    found = verdicts(
        "http1", meshtui=proxy(12, p99=1.0, private=60, resident=30), envoy=proxy(20, private=60, resident=60)
    )
    assert found["CPU"] == (0.6, True)  # at most
    assert found["p99 ms"] == (1.0, False)  # below
    assert found["private"] == (1.0, True)


def test_resident_memory_is_judged_by_the_worse_of_idle_and_loaded():
    found = verdicts("http1", meshtui=proxy(10, resident=30), envoy=proxy(20, resident=65))
    assert found["resident"] == (round(40 / 75, 3), False)


def test_a_row_without_goals_is_not_judged():
    found = verdicts("websocket", meshtui=proxy(10), envoy=proxy(20))
    assert found == {"CPU": (0.5, None), "p99 ms": (0.5, None)}


def test_a_state_is_measured_against_ourselves():
    result = {"name": "tap", "direct": None, "proxies": {"meshtui": proxy(10, 20), "meshtui+tap": proxy(11, 21)}}
    (verdict,) = judge(ROW["tap"], result)
    assert (verdict.what, verdict.value, verdict.met) == ("on/off", 1.075, False)


def test_without_a_rival_only_ours_is_told():
    assert verdicts("http1", meshtui=proxy(10), haproxy=proxy(5)) == {"p99 ms": (0.5, True)}


def test_failures_name_row_and_proxy():
    result = {"name": "grpc", "direct": None, "proxies": {"meshtui": proxy(1), "envoy": proxy(1, errors=3)}}
    assert failures(result) == ["grpc: envoy: 3 of 1000 failed closed"]
