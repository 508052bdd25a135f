"""A control plane that is away when a certificate is due: traffic goes on, and it is renewed when the other is back.

A day's certificate is due when more than eight hours of it are left. Here it is minutes that are left, and it is old
when it is issued, so that it is due soon.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from agents.runtime.config import Listener, SidecarConfig
from agents.sidecar.feeds.feeds import Feeds
from agents.sidecar.feeds.identity import RENEW_AT, RENEW_JITTER
from tests.support.mesh import Mesh
from tests.support.mesh import Plane as Sidecar
from tests.support.plane import NAME, TOKEN, Plane
from tests.support.serving import serving

LIFE = timedelta(minutes=5)
SOON = timedelta(seconds=3)
AGE = LIFE * (RENEW_AT - RENEW_JITTER) - SOON


async def _application(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _ask(port: int) -> None:
    """Ask once, over a connection of its own; it has to be answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    assert head.startswith(b"HTTP/1.1 200 "), head
    writer.close()


def _feeds(sidecar: Sidecar, plane: Plane) -> Feeds:
    """Return what gives a sidecar its certificates from a control plane."""
    config = SidecarConfig(
        namespace=sidecar.me.namespace,
        name=sidecar.me.name,
        pod=sidecar.me.pod,
        trust_domain="local",
        identity_address=f"127.0.0.1:{plane.identity_port}",
        control_address=f"127.0.0.1:{plane.control_port}",
        control_name=NAME,
        anchors_pem=plane.anchors_pem,
        token=TOKEN,
        admin=Listener(listen="127.0.0.1:0"),
    )
    return Feeds(replace(sidecar.runtime, config=config), [], 42)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not condition():
            await asyncio.sleep(0.05)


async def test_a_certificate_that_is_due_while_the_control_plane_is_away_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    plane = Plane(life=LIFE, age=AGE)
    await plane.start()
    async with Mesh() as mesh, serving(_application) as application:
        mesh.authority = plane.authority
        web, far, other = mesh.sidecar("web"), mesh.sidecar("voting"), mesh.sidecar("bot")
        feeds = _feeds(web, plane)
        try:
            await feeds.start()
            await plane.cut()
            held = web.runtime.certs.current
            assert held is not None
            out = web.outbound("voting", web.endpoint(far, far.inbound(application)))
            await _ask(out)

            def failed() -> bool:
                return any("certificate not renewed" in line for line in caplog.messages)

            while not failed():
                await _ask(out)
                assert time.time() < held.not_after
                await asyncio.sleep(0.05)
            assert time.time() > held.not_before + LIFE.total_seconds() * (RENEW_AT - RENEW_JITTER)
            assert web.runtime.certs.current is held
            await _ask(out)
            # Who never spoke with it before accepts it, too.
            await _ask(other.outbound("web", other.endpoint(web, web.inbound(application))))
            plane.age = timedelta()
            await plane.start()
            await _until(lambda: web.runtime.certs.current is not held)
            assert time.time() < held.not_after
            assert plane.certified[-1]  # by the certificate that it had; no token was asked for
            await _ask(out)
        finally:
            await feeds.stop(0.2)
            await plane.cut()
