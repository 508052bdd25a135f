"""What load generators print becomes numbers; what they do not call an error but is one is found."""

import pytest

from tests.bench import load
from tests.bench.load import NoAnswerError, read_generator, read_h2load, read_wrk
from tests.bench.rows import ROWS
from tests.bench.words import REPLY

WRK = """Running 5s test @ http://127.0.0.1:1/bench
  1 threads and 32 connections
  Latency Distribution
     50%  850.00us
     75%    1.20ms
     90%    2.50ms
     99%    1.03s
  90000 requests in 5.00s, 19.41MB read
Requests/sec:  18000.00
"""


def test_wrk():
    outcome = read_wrk(WRK)
    assert (outcome.requests, outcome.errors, outcome.seconds) == (90000, 0, 5.0)
    assert (outcome.p50_ms, outcome.p99_ms) == (0.85, 1030.0)


def test_wrk_errors_of_both_kinds():
    worse = WRK + "  Socket errors: connect 1, read 2, write 0, timeout 3\n  Non-2xx or 3xx responses: 10\n"
    assert read_wrk(worse).errors == 16


def test_wrk_without_an_answer_is_no_result():
    with pytest.raises(NoAnswerError, match="no answer"):
        read_wrk(WRK.replace("90000 requests", "0 requests"))


@pytest.mark.parametrize(("silent", "loads"), [(0, 1), (1, 2)])
def test_a_load_that_was_starved_is_repeated_once(monkeypatch, tmp_path, silent, loads):
    reports = [WRK.replace("90000 requests", "0 requests")] * silent + [WRK] * 2
    monkeypatch.setattr(load, "_run", lambda *_: reports.pop(0))
    assert load.closed(ROWS[0], 1, 1.0, tmp_path).requests == 90000
    assert len(reports) == silent + 2 - loads


def h2load(done=4, succeeded=4, failed=0, replies=4):
    return (
        f"requests: {done} total, {done} started, {done} done, {succeeded} succeeded, {failed} failed, 0 errored\n"
        f"traffic: 1.0KB (1024) total, 100B (100) headers (space savings 90.00%), 1B ({replies * len(REPLY)}) data\n"
    )


LOG = "1\t200\t1000\n2\t200\t2000\n3\t200\t3000\n4\t200\t40000\n"


def test_h2load():
    outcome = read_h2load(h2load(), LOG, 2.0)
    assert (outcome.requests, outcome.errors, outcome.seconds) == (4, 0, 2.0)
    assert (outcome.p50_ms, outcome.p99_ms, outcome.p999_ms) == (3.0, 40.0, 40.0)


@pytest.mark.parametrize(
    ("text", "log"),
    [
        (h2load(replies=3), LOG),  # 200, but without a message: a failed call
        (h2load(succeeded=3, failed=1), LOG),
        (h2load(), LOG.replace("4\t200", "4\t503")),
    ],
)
def test_h2load_errors(text, log):
    assert read_h2load(text, log, 2.0).errors == 1


def test_a_load_that_did_nothing_is_no_result():
    with pytest.raises(NoAnswerError, match="no requests"):
        read_h2load(h2load(done=0, succeeded=0, replies=0), "", 2.0)


def generator(requests):
    return (
        f'{{"requests": {requests}, "errors": 2, "said": "closed", "seconds": 1.5,'
        ' "p50_ms": 0.2, "p99_ms": 0.9, "p999_ms": 3.0, "late_p99_ms": 0.1}'
    )


def test_generator():
    assert read_generator(generator(1500)) == (1500, 2, 1.5, 0.2, 0.9, 3.0, "closed", 0.1)


def test_a_generator_without_an_answer_says_why():
    with pytest.raises(NoAnswerError, match="no answer: closed"):
        read_generator(generator(0))
