"""A server of HTTP at a loopback address, for stand-ins of services."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], **bound: object) -> Iterator[str]:
    """The URL at which *handler*, with *bound* as attributes of its class, answers for as long as the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (handler,), bound))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
