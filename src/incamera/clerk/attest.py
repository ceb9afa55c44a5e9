"""What others attest about the log and what leaves it: checkpoints, cosignatures, timestamps, receipts, bundles; its health."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from incamera.clerk.home import Home, write_atomically
from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.ledger import bundle, fsck, timestamp, wire, witness
from incamera.ledger.receipt import receipt as receipt_of
from incamera_verify.note import Algorithm, Checkpoint, Note, Signer, Verifier


def keys(home: Home) -> list[dict[str, Any]]:
    """The log's public keys: pin them, and give the Ed25519 one to whoever approves."""
    return [{"algorithm": key.algorithm.name.lower().replace("_", "-"), "key": key.text} for key in home.ledger_keys]


def checkpoint(home: Home, out: Path | None) -> dict[str, Any]:
    """The latest signed checkpoint, for others to keep: whoever has it sees any later rewriting."""
    note = home.ledger.checkpoint()
    if out is not None:
        _new(out, note.encode())
    state = Checkpoint.parse(Note.parse(note.encode()).text)
    return {"origin": state.origin, "size": state.size, "root": state.root.hex(), "note": note}


def cosign(home: Home, url: str, texts: Sequence[str]) -> dict[str, Any]:
    """Have a witness cosign the latest checkpoint; the cosignature is kept, and is an act.

    Raises:
        Unavailable: `ledger.no-quorum`. Unverified: `ledger.witness-conflict`, `ledger.bad-cosignature`.
    """
    peer = witness.Peer(tuple(Verifier.parse(text, "--key") for text in texts), wire.post(url))
    (receipt,) = witness.cosign(home.ledger, [peer])
    return {"witness": peer.name, "entry": receipt.index, **_stated(home, receipt.index)}


def stamp(home: Home, url: str, name: str, roots: Sequence[Path], intermediates: Sequence[Path]) -> dict[str, Any]:
    """Have a timestamp authority stamp the latest checkpoint (RFC 3161); the answer is kept, and is an act.

    Raises:
        Unavailable: `ledger.no-timestamps`, `ledger.timestamp-refused`, `ledger.unreachable`. Unverified: `ledger.bad-timestamp`.
    """
    authority = timestamp.Authority(name, _certificates(roots), _certificates(intermediates))
    receipt = timestamp.stamp(home.ledger, authority, wire.post(url, timestamp.REQUEST_TYPE))
    return {"authority": name, "entry": receipt.index, **_stated(home, receipt.index)}


def receipt(home: Home, index: int, out: Path, *, witnessed: bool) -> dict[str, Any]:
    """Write one act with its proof as a file that verifies offline. Privacy: it carries the act whole."""
    _new(out, receipt_of(home.ledger, index, witnessed=witnessed))
    return {"entry": index, "file": str(out)}


def export(home: Home, matter: str, out: Path, *, witnessed: bool) -> dict[str, Any]:
    """Write the part of the ledger that shows one matter to a stranger: every act of it, and hashes of all others."""
    state = bundle.export(home.ledger, matter, out, witnessed=witnessed)
    return {"matter": matter, "size": state.size, "root": state.root.hex(), "directory": str(out)}


def health(home: Home) -> dict[str, Any]:
    """Everything that does not hold in the home's ledger, without opening it for writing."""
    report = asdict(fsck.examine(home.path / "ledger", home.ledger_keys))
    return {"size": report["size"], "torn_bytes": report["torn_bytes"], "flaws": report["flaws"]}


def repair(home: Home) -> dict[str, Any]:
    """Mend what can be mended, say in the ledger what was set aside, and open it again.

    Raises:
        Unverified: a flaw that nothing here can mend; restore a backup, and compare it with what others keep.
    """
    with fsck.repair(home.path / "ledger", home.ledger_signers, home.clock) as mended:
        return {"size": mended.size, "root": mended.root, "flaws": []}


def witness_key(out: Path, name: str) -> dict[str, Any]:
    """Make a witness's own keys (both cosignature kinds) in one private file; the public lines go to the logs it will serve."""
    kinds = (Algorithm.COSIGNATURE_ED25519, Algorithm.COSIGNATURE_MLDSA44)
    signers = [Signer.generate(name, kind) for kind in kinds]
    _new(out, "".join(f"{signer.text}\n" for signer in signers).encode(), mode=0o600)
    return {"witness": name, "file": str(out), "keys": [signer.verifier.text for signer in signers]}


def witness_server(key: Path, logs: Sequence[str], directory: Path, host: str, port: int) -> wire.WitnessServer:
    """A witness that remembers in *directory* and answers for the logs of these keys. The caller serves it.

    Raises:
        Refused: `attest.exposed-key`, others can read the key file. Malformed: `ledger.bad-keys`.
        Unavailable: `attest.no-witness-key`, `ledger.no-socket`.
    """
    if not key.is_file():
        raise Unavailable("attest.no-witness-key", "the witness's key file is not there", where=str(key))
    if key.stat().st_mode & 0o077:
        raise Refused("attest.exposed-key", "others can read this private key: chmod 600 it", where=key.name)
    from incamera.clerk.clock import SystemClock

    signers = [Signer.parse(line, key.name) for line in key.read_text("utf-8").splitlines() if line]
    known = [Verifier.parse(log, "--log") for log in logs]
    return wire.WitnessServer(witness.Witness(directory, signers, known, SystemClock()), host, port)


def _stated(home: Home, index: int) -> dict[str, Any]:
    fields = home.ledger.entry(index).entry.fields
    return {"size": fields["size"], "root": fields["root"], "stated_at": fields["stated_at"]}


def _certificates(paths: Sequence[Path]) -> tuple[Any, ...]:
    from cryptography import x509

    found: list[x509.Certificate] = []
    for path in paths:
        try:
            found += x509.load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError):
            raise Malformed("attest.bad-certificate", "expected certificates in PEM", where=path.name) from None
    return tuple(found)


def _new(out: Path, data: bytes, *, mode: int = 0o644) -> None:
    if out.exists():
        raise Refused("attest.file-exists", "the file is there already; nothing is overwritten", where=str(out))
    write_atomically(out, data, mode=mode)
