"""What one stream says of a target, and when it is believed."""

import asyncio

from agents.sidecar.feeds.discovery import Told
from agents.sidecar.state.endpoints import EndpointSet
from meshcore.wire import discovery_pb2

SERVICE = discovery_pb2.ServiceRef(namespace="emojivoto", name="voting", port=80)


def update(*names, snapshot=False, exists=True, remove=()):
    put = [discovery_pb2.Endpoint(id=name, ip="127.0.0.1", port=1, weight=1) for name in names]
    return discovery_pb2.EndpointsUpdate(snapshot=snapshot, exists=exists, service=SERVICE, put=put, remove=remove)


def known(*names):
    endpoints = EndpointSet("voting.emojivoto:80")
    if names:
        endpoints.apply(update(*names, snapshot=True))
    return endpoints


def ids(endpoints):
    return sorted(endpoint.id for endpoint in endpoints.endpoints)


async def test_the_first_stream_is_believed_at_once():
    endpoints = known()
    told = Told(endpoints)
    told.take(update(snapshot=True, exists=False))
    assert endpoints.exists is False
    told.take(update("a", "b"))
    told.take(update(remove=["a"]))
    assert ids(endpoints) == ["b"]


async def test_a_later_stream_adds_at_once_and_takes_away_when_settled():
    endpoints = known("a", "b")
    told = Told(endpoints, settle_s=0.05)
    told.take(update("c", snapshot=True))
    assert ids(endpoints) == ["a", "b", "c"]
    told.take(update("b"))
    await asyncio.sleep(0.1)
    assert ids(endpoints) == ["b", "c"]
    told.take(update(remove=["b"]))
    assert ids(endpoints) == ["c"]


async def test_what_is_taken_away_by_name_goes_at_once():
    endpoints = known("a", "b")
    told = Told(endpoints, settle_s=5)
    told.take(update("a", snapshot=True))
    told.take(update(remove=["a"]))
    assert ids(endpoints) == ["b"]
    told.close()


async def test_all_that_was_known_settles_it():
    endpoints = known("a", "b")
    told = Told(endpoints, settle_s=5)
    told.take(update("a", snapshot=True))
    told.take(update("b"))
    told.take(update(snapshot=True, exists=False))
    assert endpoints.exists is False


async def test_a_stream_that_ends_early_takes_nothing_away():
    endpoints = known("a")
    told = Told(endpoints, settle_s=0.02)
    told.take(update(snapshot=True, exists=False))
    told.close()
    await asyncio.sleep(0.05)
    assert ids(endpoints) == ["a"]
    assert endpoints.exists
