"""Witnesses: others who remember how long the log was, so that its owner cannot go back (C2SP tlog-witness).

`Witness` is the side that remembers: it cosigns a checkpoint only if it continues the last one it cosigned, and keeps
that durable before it answers. `cosign` is the log's side: it brings the latest checkpoint with a consistency proof,
checks what comes back, and writes it into the ledger. `witness_server` puts HTTP around the first.

Source: https://c2sp.org/tlog-witness, https://c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.core.ids import digest
from incamera.core.ports import Clock
from incamera.core.records import Entry, Receipt
from incamera.ledger.entry import SLUG, timestamp
from incamera.ledger.log import Ledger
from incamera.ledger.store import Store
from incamera_verify.errors import VerificationError
from incamera_verify.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from incamera_verify.note import Checkpoint, Note, Signature, Signer, Verifier

PATH = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
PROOF_LINES_MAX = 63

#: Sends an add-checkpoint body and gives back status and body. Raises `Unavailable` where nobody answers.
Transport = Callable[[bytes], tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """The body of add-checkpoint: the size the witness saw last, the proof from there, and the signed checkpoint."""

    old: int
    path: tuple[bytes, ...]
    note: bytes

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old}", *(base64.b64encode(step).decode() for step in self.path)]
        return "\n".join(lines).encode() + b"\n\n" + self.note

    @classmethod
    def parse(cls, data: bytes) -> Request:
        """Raises `Malformed`, `ledger.bad-witness-request`."""
        head, gap, note = data.partition(b"\n\n")
        first, *rest = head.split(b"\n")
        number = first.removeprefix(b"old ")
        try:
            path = tuple(base64.b64decode(line, validate=True) for line in rest)
        except binascii.Error:
            path = (b"",)
        plain = first.startswith(b"old ") and number.isdigit() and len(number) < 20 and (number == b"0" or number[:1] != b"0")
        if not gap or not plain or len(path) > PROOF_LINES_MAX or any(len(step) != HASH_BYTES for step in path):
            raise Malformed(
                "ledger.bad-witness-request", "expected an old size, a consistency proof, a blank line and a checkpoint"
            )
        return cls(int(number), path, note)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status, and a body of signature lines (200) or of a size (409)."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class Witness:
    """One witness, for the logs it was told of; its memory is one small file a log. Safe to share between threads and processes.

    A witness says that it saw the log only grow. It reads no act and learns none: sizes, roots and times pass through it.
    """

    def __init__(self, directory: Path, signers: Sequence[Signer], logs: Sequence[Verifier], clock: Clock) -> None:
        """*logs* are the keys of the logs it serves; each checkpoint must be signed by at least one key of its origin."""
        if not signers or len({signer.name for signer in signers}) != 1 or not all(s.algorithm.timestamped for s in signers):
            raise Malformed("ledger.bad-keys", "a witness's keys share one name and are of a cosignature kind")
        self._signers = tuple(signers)
        self._logs: dict[str, list[Verifier]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        self._clock = clock
        self._store = Store(directory)
        self._store.make()
        self._turn = threading.Lock()

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one request, in the order of checks that the specification gives.

        Raises:
            Unavailable: the memory cannot be read or written; nothing was cosigned.
        """
        # 1. The request is well formed, its checkpoint is one, and its origin is known.
        try:
            request = Request.parse(body)
            note = Note.parse(request.note)
            state = Checkpoint.parse(note.text)
        except (Malformed, VerificationError):
            return Answer(400)
        keys = self._logs.get(state.origin)
        if keys is None:
            return Answer(404)
        # 2. A key of that log signed it.
        try:
            note.verify(keys)
        except VerificationError:
            return Answer(403)
        # 3. The sizes are in order.
        if request.old > state.size:
            return Answer(400)
        with self._turn, self._store.locked():
            # 4. The log and we agree on what was seen last.
            seen = self._seen(state.origin)
            if request.old != seen.size or (state.size == seen.size and seen.size and state.root != seen.root):
                return Answer(409, f"{seen.size}\n".encode(), SIZE_TYPE)
            # 5. What was seen last is a prefix of this.
            try:
                verify_consistency(seen.size, state.size, request.path, seen.root, state.root)
            except VerificationError:
                return Answer(422)
            # 6. Remember, durably, and only then sign.
            self._store.write(_memory(state.origin), state.text.encode())
            time = int(self._clock.now().timestamp())
        return Answer(200, "".join(signer.sign(state.text, time).line for signer in self._signers).encode())

    def seen(self, origin: str) -> Checkpoint | None:
        """The latest state cosigned for a log, for whoever compares; None before the first."""
        return None if self._store.read(_memory(origin)) is None else self._seen(origin)

    def _seen(self, origin: str) -> Checkpoint:
        data = self._store.read(_memory(origin))
        if data is None:
            return Checkpoint(origin, 0, EMPTY_ROOT)
        try:
            state = Checkpoint.parse(data.decode())
        except (VerificationError, UnicodeDecodeError):
            state = None
        if state is None or state.origin != origin:
            raise Unverified(
                "ledger.witness-memory", "the witness's memory of this log is damaged; it signs nothing", where=_memory(origin)
            )
        return state


def _memory(origin: str) -> str:
    return f"seen/{hashlib.sha256(origin.encode()).hexdigest()}"


# --- the log's side --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Peer:
    """A witness as the log sees it: its keys, all of one name, all of which must cosign, and a way to reach it."""

    keys: tuple[Verifier, ...]
    send: Transport

    @property
    def name(self) -> str:
        return self.keys[0].name

    def __post_init__(self) -> None:
        names = {key.name for key in self.keys}
        if len(names) != 1 or not SLUG.admits(*names) or not all(key.algorithm.timestamped for key in self.keys):
            raise Malformed("ledger.bad-keys", "a witness's keys share one name, a slug, and are of a cosignature kind")


def cosign(ledger: Ledger, peers: Sequence[Peer], *, quorum: int = 1) -> list[Receipt]:
    """Have the latest checkpoint cosigned; the note is kept under `witnessed/`, and each cosignature becomes an act.

    Raises:
        Unavailable: `ledger.no-quorum`, fewer than *quorum* witnesses answered; what did come back is kept.
        Unverified: `ledger.witness-conflict`, a witness remembers another history: this log was rolled back or forked, or
            somebody else signs with its key. `ledger.bad-cosignature`, what came back does not verify.
    """
    note = ledger.checkpoint().encode()
    state = Checkpoint.parse(Note.parse(note).text)
    entries: list[Entry] = []
    absent: list[str] = []
    for peer in peers:
        try:
            lines, time = _ask(ledger, peer, note, state)
        except Unavailable as flaw:
            absent.append(f"{peer.name}: {flaw.code}")  # a witness that is down must not stop the others
            continue
        note += lines
        fields = {
            "witness": peer.name,
            "size": state.size,
            "root": state.root.hex(),
            "cosignature": digest(lines),
            "stated_at": timestamp(datetime.fromtimestamp(time, UTC)),
        }
        entries.append(Entry(act="witness.cosigned", matter="", actor="ledger", fields=fields))
    if entries:
        ledger.keep_witnessed(state.size, note)
    receipts = ledger.append_many(entries)
    if len(entries) < quorum:
        hint = f"{len(entries)} of the {quorum} required witnesses cosigned"
        raise Unavailable("ledger.no-quorum", f"{hint} ({', '.join(absent)})" if absent else hint, where=f"size {state.size}")
    return receipts


def _ask(ledger: Ledger, peer: Peer, note: bytes, state: Checkpoint) -> tuple[bytes, int]:
    """The signature lines of one witness over *note*, verified, and the time they state."""
    old = _size_it_saw(ledger, peer, state)
    status, body = peer.send(_request(ledger, old, state, note))
    if status == 409:
        stated = _stated_size(body, peer)
        if stated == old or stated > state.size:
            raise _conflict(peer, stated)
        old = stated
        status, body = peer.send(_request(ledger, old, state, note))
    if status in (409, 422):
        raise _conflict(peer, old)
    if status != 200:
        raise Unavailable("ledger.witness-refused", f"the witness answered with status {status}", where=peer.name)
    return _cosignatures(body, peer, state)


def _request(ledger: Ledger, old: int, state: Checkpoint, note: bytes) -> bytes:
    return bytes(Request(old, tuple(bytes.fromhex(step) for step in ledger.consistency(old, state.size)), note))


def _size_it_saw(ledger: Ledger, peer: Peer, state: Checkpoint) -> int:
    """The size this witness cosigned last, as far as our own files know; 0 where they do not."""
    for size, note in reversed(ledger.witnessed()):
        if size <= state.size and any(signature.name == peer.name for signature in Note.parse(note).signatures):
            return size
    return 0


def _stated_size(body: bytes, peer: Peer) -> int:
    number = body.removesuffix(b"\n")
    if not number.isdigit() or len(number) > 19:
        raise Unavailable("ledger.witness-refused", "the witness answered without a size", where=peer.name)
    return int(number)


def _cosignatures(body: bytes, peer: Peer, state: Checkpoint) -> tuple[bytes, int]:
    """The lines by this witness's keys, and only those; every key must have signed."""
    try:
        lines = body.decode().splitlines(keepends=True)
        signatures = tuple(Signature.parse(line, peer.name) for line in lines)
        held = Note(state.text, signatures).verify(peer.keys, peer.name)
    except (VerificationError, UnicodeDecodeError):
        held = ()
        signatures = ()
    if len(held) != len(peer.keys) or any(one.time == 0 for one in held):
        raise Unverified("ledger.bad-cosignature", "the witness's cosignature does not verify under its keys", where=peer.name)
    known = {(key.name, key.key_id) for key in peer.keys}
    mine = [signature.line for signature in signatures if (signature.name, signature.key_id) in known]
    return "".join(mine).encode(), min(one.time for one in held)


def _conflict(peer: Peer, size: int) -> Unverified:
    return Unverified(
        "ledger.witness-conflict",
        "the witness remembers another history of this log; stop, and find out why",
        where=f"{peer.name}, size {size}",
    )
