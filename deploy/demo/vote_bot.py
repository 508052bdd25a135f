"""The vote bot: asks web for the list, votes for one of it, again and again; every seventh vote is a doughnut.

Environment: WEB_HOST, host:port; REQUEST_RATE, rounds per second (default 1); TTL, seconds after which it ends.
"""

import json
import logging
import os
import random
import signal
import threading
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

DOUGHNUT_SHARE = 0.15
TIMEOUT_S = 10.0
BEHIND_S = 1.0  # how much missed time is made up for
QUIET_S = 5.0  # between two lines about the same trouble

log = logging.getLogger("vote-bot")


class Bot:
    """One voter with one connection."""

    def __init__(self, host: str) -> None:
        self.connection = HTTPConnection(host, timeout=TIMEOUT_S)
        self.quiet_until = 0.0

    def complain(self, text: str, *args: object) -> None:
        """Log trouble, but not a line per request."""
        if time.monotonic() >= self.quiet_until:
            self.quiet_until = time.monotonic() + QUIET_S
            log.warning(text, *args)

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body; a connection that broke is opened again by the next call."""
        trace = f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"
        try:
            self.connection.request("GET", path, headers={"traceparent": trace, "user-agent": "vote-bot"})
            response = self.connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException):
            self.connection.close()
            raise

    def round(self) -> None:
        """Read the list and vote for one of it."""
        status, body = self.get("/api/list")
        if status != 200:
            self.complain("GET /api/list: %s %s", status, body[:200].decode(errors="replace"))
            return
        choices = [entry["shortcode"] for entry in json.loads(body)]
        doughnut = random.random() < DOUGHNUT_SHARE  # noqa: S311 - no secret
        choice = ":doughnut:" if doughnut else random.choice(choices)  # noqa: S311 - no secret
        status, body = self.get(f"/api/vote?choice={quote(choice, safe=':')}")
        if status != 200 and choice != ":doughnut:":
            self.complain("vote for %s: %s %s", choice, status, body[:200].decode(errors="replace"))


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    rate = float(os.environ.get("REQUEST_RATE") or 1)
    ttl = float(os.environ.get("TTL") or "inf")
    bot = Bot(os.environ["WEB_HOST"])
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())  # as the first process of a container it has to say so
    log.info("voting at %s, %g rounds per second", os.environ["WEB_HOST"], rate)
    began = due = time.monotonic()
    while time.monotonic() - began < ttl and not ending.is_set():
        try:
            bot.round()
        except (OSError, HTTPException, ValueError) as error:
            bot.complain("web does not answer: %s", error or type(error).__name__)
            ending.wait(min(1.0, 1 / rate))
        due = max(due + 1 / rate, time.monotonic() - BEHIND_S)
        ending.wait(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
