"""The broker's door: a Unix socket whose peers the kernel names, for what `vault.protocol` lets them ask.

A Step travels to other processes; keys do not travel with it. The worker asks here, and the broker on this side checks
and records each request. The socket lies in a directory that only its owner enters, or that is shared on purpose.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import socketserver
import stat
import struct
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from incamera.core.errors import Error, Refused, Unavailable
from incamera.core.records import Grant
from incamera.vault.broker import Release
from incamera.vault.envelope import KEY_BYTES
from incamera.vault.protocol import (
    ANSWER_BYTES_MAX,
    ASK_BYTES_MAX,
    Level,
    Operations,
    Released,
    Value,
    answered,
    asking,
    frame,
    receive,
    value_of,
)

_TIMEOUT_SECONDS = 300.0
_REF_BYTES = 16
#: A directory of ours and the one socket in it; the socket takes this name when somebody listens on it, and not before.
_DIRECTORY = "incamera-"
_SOCKET = "broker"


class Server:
    """Answers *operations* on a socket, from a thread of this process until `close`, or in the foreground by `serve`.

    Without an *address* the socket lies in a fresh directory that only this account enters. A broker of its own account
    (the process that holds the KMS's permission and keys.db) names the *accounts* that may ask, and for what: numeric
    user ids, as the kernel states them for the peer. The socket is then open to the group of its directory.
    """

    def __init__(
        self, operations: Operations, *, address: Path | None = None, accounts: Mapping[int, Level] | None = None
    ) -> None:
        self._directory = None
        if address is None:
            sweep()
            self._directory = Path(tempfile.mkdtemp(prefix=_DIRECTORY))
        path = address or Path(str(self._directory)) / _SOCKET
        if address is not None:
            _clear(address)
        bound = path if address else path.with_suffix(".new")
        self.address = str(path)
        server = _Threads(str(bound), _Handler)
        server.operations = operations
        server.accounts = dict(accounts) if accounts is not None else {os.geteuid(): Level.WORKER}
        bound.chmod(0o600 if accounts is None else 0o660)
        bound.rename(path)
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="broker", daemon=True)

    def start(self) -> Server:
        self._thread.start()
        return self

    def serve(self) -> None:
        """Serve in the calling thread: for a broker that is a process of its own."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """End `serve`, from another thread; returns when the last loop has ended."""
        self._server.shutdown()

    def close(self) -> None:
        """Stop answering and remove the socket. Idempotent."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        with suppress(OSError):
            Path(self.address).unlink(missing_ok=True)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


def _clear(address: Path) -> None:
    """Remove the socket that a killed broker of this account left at a stated address.

    Raises:
        Refused: `vault.broker-running`, somebody listens there; `vault.not-a-socket`, something else has that name.
        Unavailable: `vault.no-socket-directory`.
    """
    if not address.parent.is_dir():
        raise Unavailable("vault.no-socket-directory", "make the socket's directory first", where=str(address.parent))
    try:
        about = address.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(about.st_mode) or about.st_uid != os.geteuid():
        raise Refused("vault.not-a-socket", "this name is not a broker's socket of this account", where=str(address))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(address)) != errno.ECONNREFUSED:
            raise Refused("vault.broker-running", "a broker listens at this address already", where=str(address))
    address.unlink()


def sweep() -> None:
    """Remove the socket directories that killed brokers of this account left behind.

    Only a real directory of this account that nobody else enters, with nothing in it but a socket on which nobody
    listens; everything else, and whatever cannot be looked at, stays.
    """
    for directory in Path(tempfile.gettempdir()).glob(f"{_DIRECTORY}*"):
        with suppress(OSError):
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if _abandoned(handle):
                    os.unlink(_SOCKET, dir_fd=handle)
                    directory.rmdir()
            finally:
                os.close(handle)


def _abandoned(handle: int) -> bool:
    """Asked through the open directory: whoever exchanges its name meanwhile gains nothing."""
    about = os.fstat(handle)
    if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) != 0o700 or os.listdir(handle) != [_SOCKET]:
        return False
    if not stat.S_ISSOCK(os.stat(_SOCKET, dir_fd=handle, follow_symlinks=False).st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(f"/proc/self/fd/{handle}/{_SOCKET}") == errno.ECONNREFUSED


class _Threads(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    operations: Operations
    accounts: Mapping[int, Level] = {}

    def __init__(self, *args: Any) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End every open connection: a closed vault releases nothing more, also to those who asked before."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def server_bind(self) -> None:
        before = os.umask(0o177)
        try:
            super().server_bind()
        finally:
            os.umask(before)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Only processes of the stated accounts are heard, whatever the directory's mode came to be."""
        return _account(request) in self.accounts

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; and a traceback on stderr could show what it asked for."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Threads

    def handle(self) -> None:
        level = self.server.accounts[_account(self.request)]
        with suppress(Error):  # a frame beyond its limit: there is nobody to be polite to
            while (question := receive(self.request, ASK_BYTES_MAX[level])) is not None:
                self.request.sendall(frame(answered(self.server.operations, question, level)))


def _account(connection: socket.socket) -> int:
    """Who is at the other end, as the kernel states it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


class Client:
    """One connection to a broker. Not thread-safe: one per worker."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT_SECONDS)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise _gone() from None

    def release(self, grant: Grant, crefs: list[bytes]) -> Release:
        """`Broker.release`, over the socket; the broker's errors come back as they were."""
        answer = self.ask("release", Released, grant=grant, crefs=b"".join(crefs))
        row, end = _REF_BYTES + KEY_BYTES, len(answer.keys)
        keys = {answer.keys[at : at + _REF_BYTES]: answer.keys[at + _REF_BYTES : at + row] for at in range(0, end, row)}
        return Release(keys, answer.classes, answer.parties)

    def file_key(self, name: str) -> bytes:
        """The key of a file's outer layer, which hides ids and counts and nothing else."""
        return self.ask("file_key", bytes, name=name)

    def ask(self, operation: str, kind: type[Value], /, **arguments: Any) -> Value:
        """The answer to one question. Raises what the other side raised; `Unavailable` (`vault.broker-gone`)."""
        try:
            self._socket.sendall(frame(asking(operation, arguments)))
            answer = receive(self._socket, ANSWER_BYTES_MAX)
        except OSError:
            raise _gone() from None
        if answer is None:
            raise _gone()
        return value_of(answer, kind)

    def close(self) -> None:
        self._socket.close()


def _gone() -> Unavailable:
    return Unavailable("vault.broker-gone", "the key broker does not answer; run again with the vault open")
