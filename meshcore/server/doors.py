"""The HTTP doors of a cluster's control plane: the aggregated API, the webhooks, and the admin port for the kubelet.

cluster.py says what stands behind them. Certificates are renewed under open ports.
"""

import os
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from meshcore.services.access.tls import Contexts
from meshcore.services.identity.serving import Presented

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DRAIN_S = 2.0
KEEP_S = 180.0  # longer than the API server's 90 s: a call that meets its connection's end would fail
ADMIN = "admin"
BODY_LIMIT = 8 << 20  # an admission request holds an object twice at most, and those are at most 1.5 MiB


class Health:
    """What the admin port tells: open from the start, so that nobody restarts what only waits."""

    def __init__(self, unready: Callable[[], Iterable[str]]) -> None:
        """`unready` says what is still missing."""
        self.unready = unready
        self.metrics = CollectorRegistry()


class Doors:
    """Opens HTTP ports and closes them again; `ports` says where each listens, `health` what admin tells.

    With `last`, every answer is the last of its connection; `answered` is when somebody last had one, on the monotonic
    clock. The kubelet's do not count.
    """

    def __init__(self, listen: str, health: Health) -> None:
        self.ports: dict[str, int] = {}
        self.health = health
        self.last = False
        self.answered = 0.0
        self._listen = listen
        self._runners: list[web.AppRunner] = []

    async def open(
        self, name: str, port: int, app: web.Application, tls: ssl.SSLContext | None, **handler: Any
    ) -> None:
        """Open one door; raises OSError if its port is taken."""
        if name != ADMIN:
            app.on_response_prepare.append(self._prepare)
        timeouts = {"shutdown_timeout": DRAIN_S, "keepalive_timeout": KEEP_S}
        runner = web.AppRunner(app, **{"access_log": None, **timeouts, **handler})
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self._listen, port, ssl_context=tls).start()
        self.ports[name] = runner.addresses[0][1]

    async def close(self) -> None:
        """Close every door; answers in the making have a moment."""
        while self._runners:
            await self._runners.pop().cleanup()

    async def _prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        self.answered = time.monotonic()
        if self.last:
            response.force_close()
            response.headers["Connection"] = "close"  # its headers are made already, and who asks has to know


class Certificates:
    """The certificate that all HTTPS doors present, in memory only, and whom the aggregated API knows by theirs."""

    def __init__(self) -> None:
        self.observe = Contexts()
        self.webhook = Contexts()
        self._shown: tuple[Presented, str] | None = None

    def renew(self, presented: Presented, front_ca: str) -> None:
        """Put a certificate and the front proxy's CA in force, if they have changed."""
        if self._shown == (presented, front_ca):
            return
        fd = os.memfd_create("serving", os.MFD_CLOEXEC)  # `ssl` reads keys from files only
        try:
            os.write(fd, presented.chain + presented.key)
            path = f"/proc/self/fd/{fd}"
            self.webhook.renew(path)
            self.observe.renew(path, front_ca)
        finally:
            os.close(fd)
        self._shown = (presented, front_ca)


def webhooks(handlers: Mapping[str, Handler]) -> web.Application:
    """Return the application of the webhooks' port."""
    app = web.Application(client_max_size=BODY_LIMIT)
    for path, handler in handlers.items():
        app.router.add_post(path, handler)
    return app


def admin(health: Health) -> web.Application:
    """Return the application of the admin port."""

    async def live(request: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def ready(request: web.Request) -> web.Response:
        missing = list(health.unready())
        if missing:
            return web.Response(status=503, text="".join(f"not ready: {one}\n" for one in missing))
        return web.Response(text="ready\n")

    async def scrape(request: web.Request) -> web.Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(body=generate_latest(health.metrics), headers={"Content-Type": kind})

    app = web.Application()
    app.router.add_get("/live", live)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", scrape)
    return app
