"""Runs in a pod: answers HTTP/1.1 on 8080 and gRPC on 8081 with its pod's name, after a moment of work.

Told to end it finishes what it has, as a server should (`polite`), or is gone at once, as many are (`abrupt`).
"""

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc

WORK_S = 0.02
NAME = os.environ["HOSTNAME"].encode()


class Handler(BaseHTTPRequestHandler):
    """One client's connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        time.sleep(WORK_S)
        self.send_response(200)
        self.send_header("content-length", str(len(NAME)))
        self.end_headers()
        self.wfile.write(NAME)

    do_POST = do_GET  # noqa: N815 - the library's names

    def log_message(self, *args: object) -> None:
        """One line for each request would be many."""


def called(_request: bytes, _context: grpc.ServicerContext) -> bytes:
    time.sleep(WORK_S)
    return NAME


def main(manner: str) -> None:
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set() if manner == "polite" else os._exit(0))
    http = ThreadingHTTPServer(("0.0.0.0", 8080), Handler)
    threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
    calls = grpc.server(ThreadPoolExecutor(16))
    method = grpc.unary_unary_rpc_method_handler(called)
    calls.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("load.Load", {"Ask": method}),))
    calls.add_insecure_port("0.0.0.0:8081")
    calls.start()
    ending.wait()
    http.shutdown()
    http.server_close()
    calls.stop(5).wait()


if __name__ == "__main__":
    main(sys.argv[1])
