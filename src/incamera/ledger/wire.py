"""HTTP for the ledger: the one module of the room that opens sockets. Standard library only, bounded in size and time.

`post` is how a log reaches a witness or a timestamp authority; `WitnessServer` is a small witness for a court's expert,
an auditor or the other side to run: one process, one directory, no configuration beyond its keys and the logs it serves.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from incamera.core.errors import Error, Malformed, Unavailable
from incamera.ledger.witness import PATH, Answer, Transport, Witness

BODY_BYTES_MAX = 1 << 19
TIMEOUT_SECONDS = 10.0


def post(url: str, content_type: str = "application/octet-stream", timeout_seconds: float = TIMEOUT_SECONDS) -> Transport:
    """A transport that posts bodies to *url*.

    Raises:
        Malformed: `ledger.bad-url`, neither http nor https.
        Unavailable: from the transport, `ledger.unreachable`.
    """
    if not url.startswith(("http://", "https://")):
        raise Malformed("ledger.bad-url", "expected an address that begins with https:// or http://")

    def send(body: bytes) -> tuple[int, bytes]:
        request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type}, method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:  # noqa: S310 (scheme checked above)
                return answer.status, _bounded(answer.read(BODY_BYTES_MAX + 1))
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, _bounded(answer.read(BODY_BYTES_MAX + 1))
        except (OSError, http.client.HTTPException):
            raise Unavailable("ledger.unreachable", "nobody answered at this address", where=url) from None

    return send


def _bounded(body: bytes) -> bytes:
    if len(body) > BODY_BYTES_MAX:
        raise Unavailable("ledger.unreachable", f"the answer has more than {BODY_BYTES_MAX} bytes")
    return body


class WitnessServer(ThreadingHTTPServer):
    """A witness behind HTTP: `POST <prefix>/add-checkpoint`, nothing else. `serve_forever` runs it, `shutdown` ends it."""

    daemon_threads = True

    def __init__(self, witness: Witness, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen at *host* and *port*; 0 takes a free one, see `url`."""
        self.witness = witness
        try:
            super().__init__((host, port), _Handler)
        except OSError as flaw:
            raise Unavailable("ledger.no-socket", f"cannot listen there (error {flaw.errno})", where=f"{host}:{port}") from None

    @property
    def url(self) -> str:
        """Where a log reaches it."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}{PATH}"


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version = "incamera-witness"
    sys_version = ""
    timeout: ClassVar[float] = TIMEOUT_SECONDS

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            self._answer(Answer(413 if length.isdigit() else 411))
            return
        body = self.rfile.read(int(length))
        if self.path != PATH:
            self._answer(Answer(404))
            return
        try:
            self._answer(self.server.witness.add_checkpoint(body))
        except Error:
            self._answer(Answer(503))

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Say nothing: addresses of askers are nobody's business."""
