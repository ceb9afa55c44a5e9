"""RFC 3161 timestamps: an outside authority says that a checkpoint existed at a time.

Signatures and certificate chains are checked by `rfc3161-client` (the extra `timestamps`); this module says what is
stamped, the three lines of a checkpoint under SHA-256, and where the answer goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.core.ids import digest
from incamera.core.records import Entry, Receipt
from incamera.ledger.entry import SLUG, timestamp
from incamera.ledger.log import Ledger
from incamera.ledger.witness import Transport
from incamera_verify.note import Checkpoint, Note

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

REQUEST_TYPE = "application/timestamp-query"


@dataclass(frozen=True, slots=True)
class Authority:
    """A timestamp authority: its name (a slug without '/'), the roots that are trusted to name it, and what lies between."""

    name: str
    roots: tuple[Certificate, ...] = field(repr=False)
    intermediates: tuple[Certificate, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not SLUG.admits(self.name) or "/" in self.name or not self.roots:
            raise Malformed("ledger.bad-authority", "a timestamp authority has a name without '/' and at least one trusted root")


def stamp(ledger: Ledger, authority: Authority, send: Transport) -> Receipt:
    """Have the latest checkpoint stamped, keep the answer under `timestamps/`, and write `timestamp.received`.

    Args:
        send: One POST of a timestamp request; see `wire.post` with `REQUEST_TYPE`.

    Raises:
        Unavailable: `ledger.no-timestamps` (the extra is not installed), `ledger.timestamp-refused`, `ledger.unreachable`.
        Unverified: `ledger.bad-timestamp`, the answer is not this authority's, or not about this checkpoint or request.
    """
    client = _client()
    state = Checkpoint.parse(Note.parse(ledger.checkpoint().encode()).text)
    builder = client.TimestampRequestBuilder().data(state.text.encode()).hash_algorithm(client.HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    status, response = send(request.as_bytes())
    if status != 200:
        raise Unavailable("ledger.timestamp-refused", f"the authority answered with status {status}", where=authority.name)
    stated = check(response, state, [authority], nonce=request.nonce)
    ledger.keep_timestamp(state.size, authority.name, response)
    fields = {
        "authority": authority.name,
        "size": state.size,
        "root": state.root.hex(),
        "token": digest(response),
        "stated_at": timestamp(stated),
    }
    return ledger.append(Entry(act="timestamp.received", matter="", actor="ledger", fields=fields))


def check(response: bytes, state: Checkpoint, authorities: Sequence[Authority], *, nonce: int | None = None) -> datetime:
    """The time at which one of *authorities* saw *state*.

    Raises:
        Unverified: `ledger.bad-timestamp`.
        Unavailable: `ledger.no-timestamps`.
    """
    client = _client()
    try:
        answer = client.decode_timestamp_response(response)
    except ValueError:
        raise _bad("no timestamp response") from None
    for authority in authorities:
        verifier = client.VerifierBuilder(
            roots=list(authority.roots), intermediates=list(authority.intermediates), nonce=nonce
        ).build()
        try:
            verifier.verify_message(answer, state.text.encode())
        except (client.VerificationError, ValueError):
            continue
        stated: datetime = answer.tst_info.gen_time
        return stated
    raise _bad(f"not about the checkpoint of size {state.size} by a trusted authority")


def _client() -> Any:
    try:
        import rfc3161_client
    except ImportError:
        raise Unavailable("ledger.no-timestamps", "install the extra: pip install 'incamera[timestamps]'") from None
    return rfc3161_client


def _bad(flaw: str) -> Unverified:
    return Unverified("ledger.bad-timestamp", f"the timestamp does not hold: {flaw}")
