"""The broker's door: a Unix socket, one request and one answer at a time, MessagePack frames behind a length.

A Step travels to other processes; keys do not travel with it. The worker asks here, and the broker on this side checks
and records each request. The socket lies in a directory that only its owner enters, and the kernel names the peer.
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
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from incamera.core import errors
from incamera.core.errors import Error, Malformed, Refused, Unavailable
from incamera.core.records import Grant
from incamera.vault.broker import Broker, Party, Release
from incamera.vault.envelope import KEY_BYTES

ASK_BYTES_MAX = 4 << 20
ANSWER_BYTES_MAX = 256 << 20
_TIMEOUT_SECONDS = 300.0
_REF_BYTES = 16
#: A directory of ours and the one socket in it; the socket takes this name when somebody listens on it, and not before.
_DIRECTORY = "incamera-"
_SOCKET = "broker"


class _Ask(msgspec.Struct, array_like=True):
    """`crefs` for keys, or a `file` name for the key of a file's outer layer."""

    grant: Grant | None
    crefs: bytes
    file: str = ""


class _Answer(msgspec.Struct, array_like=True):
    """`keys` holds cref and key of each conversation, 48 bytes, one after the other."""

    keys: bytes = b""
    classes: dict[bytes, int] = {}
    parties: dict[bytes, Party] = {}
    file_key: bytes = b""
    error: tuple[str, str, str, str] | None = None


class Server:
    """Serves a broker on a socket, from a thread of this process until `close`, or in the foreground by `serve`.

    Without an *address* the socket lies in a fresh directory that only this account enters. A broker of its own account
    (the process that holds the KMS's permission and keys.db) names the *accounts* that may ask: numeric user ids, as
    the kernel states them for the peer. The socket is then open to the group of its directory.
    """

    def __init__(
        self, broker: Broker, file_key: Any, *, address: Path | None = None, accounts: Iterable[int] | None = None
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
        server.broker = broker
        server.accounts = frozenset(accounts if accounts is not None else [os.geteuid()])
        bound.chmod(0o600 if accounts is None else 0o660)
        bound.rename(path)
        server.file_key = file_key
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
    broker: Broker
    file_key: Any
    accounts: frozenset[int] = frozenset()

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
        credentials = request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", credentials)
        return uid in self.accounts

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; and a traceback on stderr could show what it asked for."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Threads

    def handle(self) -> None:
        while (frame := _receive(self.request, ASK_BYTES_MAX)) is not None:
            self.request.sendall(_frame(_encode(self._answer(frame))))

    def _answer(self, frame: bytes) -> _Answer:
        try:
            ask = _ASK.decode(frame)
            if ask.grant is None:
                return _Answer(file_key=self.server.file_key(ask.file))
            release = self.server.broker.release(ask.grant, _split(ask.crefs, _REF_BYTES))
            return _Answer(b"".join([c + k for c, k in release.keys.items()]), release.classes, release.parties)
        except Error as flaw:
            return _Answer(error=(type(flaw).__name__, flaw.code, flaw.hint, flaw.where))
        except (msgspec.DecodeError, msgspec.ValidationError):
            return _Answer(error=("Malformed", "vault.bad-request", "the broker was sent something that is no request", ""))
        except Exception:  # noqa: BLE001 - whatever went wrong, the asker gets a refusal and no detail that could hold a key
            return _Answer(error=("Unavailable", "vault.broker-failed", "the broker failed and released nothing", ""))


_ASK = msgspec.msgpack.Decoder(_Ask)
_ANSWER = msgspec.msgpack.Decoder(_Answer)
_encode = msgspec.msgpack.encode


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
        answer = self._ask(_Ask(grant, b"".join(crefs)))
        keys = {row[:_REF_BYTES]: row[_REF_BYTES:] for row in _split(answer.keys, _REF_BYTES + KEY_BYTES)}
        return Release(keys, answer.classes, answer.parties)

    def file_key(self, name: str) -> bytes:
        """The key of a file's outer layer, which hides ids and counts and nothing else."""
        return self._ask(_Ask(None, b"", name)).file_key

    def close(self) -> None:
        self._socket.close()

    def _ask(self, ask: _Ask) -> _Answer:
        try:
            self._socket.sendall(_frame(_encode(ask)))
            frame = _receive(self._socket, ANSWER_BYTES_MAX)
        except OSError:
            raise _gone() from None
        if frame is None:
            raise _gone()
        answer = _ANSWER.decode(frame)
        if answer.error is not None:
            family, code, hint, where = answer.error
            kind = getattr(errors, family, Unavailable)
            raise kind(code, hint, where=where)
        return answer


def _split(data: bytes, size: int) -> list[bytes]:
    return [data[low : low + size] for low in range(0, len(data), size)]


def _gone() -> Unavailable:
    return Unavailable("vault.broker-gone", "the key broker does not answer; run again with the vault open")


def _frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def _receive(connection: socket.socket, limit: int) -> bytes | None:
    """One frame, or None where the other side is done."""
    head = _exactly(connection, 4)
    if head is None:
        return None
    (size,) = struct.unpack(">I", head)
    if size > limit:
        raise Malformed("vault.bad-request", "a frame exceeds its limit")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    buffer = bytearray(size)
    view = memoryview(buffer)
    got = 0
    while got < size:
        count = connection.recv_into(view[got:])
        if count == 0:
            return None
        got += count
    return bytes(buffer)
