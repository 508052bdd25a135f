"""Connections change hands: what was accepted here is answered there, and none is lost on the way."""

import asyncio
import errno
import logging
import os
import socket

from agents.sidecar.crew import handover
from agents.sidecar.crew.handover import Taker, give, pair

LOG = logging.getLogger("test")


class Listener:
    def __init__(self):
        self.taken = []

    def take(self, accepted):
        self.taken.append(accepted)


def connection():
    """Return a client and what a server accepted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return client, server.accept()[0]


async def test_a_connection_arrives_at_the_listener_that_accepted_it():
    hand, taking = pair()
    listeners = [Listener(), Listener()]
    taker = Taker(taking, listeners, LOG)
    client, accepted = connection()
    assert give(hand, 1, accepted)
    assert accepted.fileno() == -1  # it is the other's now
    await asyncio.sleep(0.01)
    (taken,) = listeners[1].taken
    assert listeners[0].taken == []
    taken.sendall(b"hello")
    assert client.recv(10) == b"hello"
    assert taker.taken == 1
    for each in (client, taken, hand):
        each.close()
    taker.stop()


async def test_what_was_handed_over_before_the_end_is_taken_before_the_end():
    hand, taking = pair()
    listener = Listener()
    taker = Taker(taking, [listener], LOG)
    pairs = [connection() for _ in range(40)]
    assert all(give(hand, 0, accepted) for _, accepted in pairs)
    hand.close()
    taker.finish()
    taker.finish()
    assert len(listener.taken) == taker.taken == 40
    for each in (*[client for client, _ in pairs], *listener.taken):
        each.close()


async def test_a_worker_that_takes_nothing_is_passed_by_and_its_lead_keeps_the_connection():
    hand, taking = pair()
    client, accepted = connection()
    while give(hand, 0, socket.socket(fileno=os.dup(accepted.fileno()))):
        pass
    assert not give(hand, 0, accepted)
    assert accepted.fileno() >= 0
    taking.close()
    assert not give(hand, 0, accepted)
    for each in (client, accepted, hand):
        each.close()


async def test_a_lead_that_has_gone_ends_the_taking():
    hand, taking = pair()
    taker = Taker(taking, [], LOG)
    hand.close()
    await asyncio.sleep(0.01)
    assert taking.fileno() == -1
    taker.stop()


async def test_out_of_descriptors_connections_wait_and_are_not_lost(monkeypatch):
    def none_left(_):
        raise OSError(errno.EMFILE, "Too many open files")

    hand, taking = pair()
    listener = Listener()
    monkeypatch.setattr(handover, "_PAUSE_S", 0.02)
    taker = Taker(taking, [listener], LOG)
    client, accepted = connection()
    with monkeypatch.context() as full:
        full.setattr(handover.os, "dup", none_left)
        assert give(hand, 0, accepted)
        await asyncio.sleep(0.01)
        assert listener.taken == []
    await asyncio.sleep(0.05)
    (taken,) = listener.taken
    for each in (client, taken, hand):
        each.close()
    taker.stop()
