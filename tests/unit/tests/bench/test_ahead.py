"""Ahead of others for a while, each thread, and as before afterwards; or as before all the time, and it is said."""

import os
import threading

import pytest

from tests.bench import ahead as room
from tests.bench.ahead import ahead, allowed


@pytest.fixture
def thread():
    over = threading.Event()
    made = threading.Thread(target=over.wait)
    made.start()
    yield made.native_id
    over.set()
    made.join()


def policies(*threads):
    return [os.sched_getscheduler(thread) for thread in threads]


def test_every_thread_goes_first_for_a_while_where_that_is_allowed(thread):
    me = threading.get_native_id()
    with ahead([os.getpid()]) as first:
        assert policies(me, thread) == [os.SCHED_RR if first else os.SCHED_OTHER] * 2
    assert first == allowed()
    assert policies(me, thread) == [os.SCHED_OTHER] * 2


def test_who_may_not_is_told(monkeypatch, thread):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(room.os, "sched_setscheduler", refuse)
    with ahead([os.getpid()]) as first:
        assert not first
    assert not allowed()


def test_a_thread_that_has_ended_meanwhile_is_no_obstacle(monkeypatch):
    def gone(*_):
        raise ProcessLookupError

    monkeypatch.setattr(room.os, "sched_setscheduler", gone)
    with ahead([os.getpid()]) as first:
        assert first
