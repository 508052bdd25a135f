"""Runs in a pod: asks each server named all the time, in every way that there is, and counts.

Each argument is WAY:HOST. A line of JSON on stdout, several a second: how many were asked, and all that went wrong.
"""

import json
import os
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from itertools import count

import grpc

EACH_S = 0.06
TIMEOUT_S = 20.0
TELL_S = 0.2
KEPT, LONGEST = 40, 150  # of failures that are shown: a line of a log is cut at 16 KiB

asked: Counter[str] = Counter()
failed: Counter[str] = Counter()
failures: deque[str] = deque(maxlen=KEPT)


def over_http(host: str, method: str, *, kept: bool) -> Callable[[], str]:
    """Return what asks once; a connection is `kept` for the next request, or not."""
    connection = HTTPConnection(host, 8080, timeout=TIMEOUT_S)

    def ask() -> str:
        body = b"a body" if method == "POST" else None
        try:
            connection.request(method, "/", body, {} if kept else {"connection": "close"})
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, HTTPException) as error:
            connection.close()
            return repr(error)
        return "" if answer.status == 200 and said else f"{answer.status} {answer.getheader('meshtui-error', '')}"

    return ask


def over_grpc(host: str) -> Callable[[], str]:
    channel = grpc.insecure_channel(f"{host}:8081")
    call = channel.unary_unary("/load.Load/Ask", _registered_method=False)

    def ask() -> str:
        try:
            call(b"", timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return f"{error.code().name} {error.details()}"  # type: ignore[attr-defined]
        return ""

    return ask


WAYS: dict[str, Callable[[str], Callable[[], str]]] = {
    "get": lambda host: over_http(host, "GET", kept=True),
    "post": lambda host: over_http(host, "POST", kept=True),
    "new": lambda host: over_http(host, "POST", kept=False),
    "grpc": over_grpc,
}


def go_on(name: str, ask: Callable[[], str]) -> None:
    for number in count():
        began = time.time()
        wrong = ask()
        asked[name] += 1
        if wrong:
            failed[name] += 1
            failures.append(f"{name} #{number} {began:.2f} after {time.time() - began:.2f} s: {wrong}"[:LONGEST])
        time.sleep(max(0.0, began + EACH_S - time.time()))


def main(names: list[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # the first process of a container has to say so
    for name in names:
        way, _, host = name.partition(":")
        threading.Thread(target=go_on, args=(name, WAYS[way](host)), daemon=True).start()
    while True:
        print(json.dumps({"asked": asked, "failed": failed, "failures": [*failures]}), flush=True)
        time.sleep(TELL_S)


if __name__ == "__main__":
    main(sys.argv[1:])
