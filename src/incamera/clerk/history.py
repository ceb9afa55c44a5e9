"""Evidence, read again: acts and proofs of a ledger, and the check of a volume by the receiver's own program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from incamera.clerk.home import Home
from incamera.core.canon import instant
from incamera.core.errors import Malformed
from incamera.ledger import fsck
from incamera.production import unseal_directory
from incamera_verify import cli
from incamera_verify.note import Verifier


def acts(home: Home, matter: str | None) -> list[dict[str, Any]]:
    """The acts in order, as the ledger holds them."""
    return [
        {
            "index": past.index,
            "at": instant(past.at),
            "act": past.entry.act,
            "matter": past.entry.matter,
            "actor": past.entry.actor,
            "fields": dict(past.entry.fields),
        }
        for past in home.ledger.entries(matter)
    ]


def prove(home: Home, index: int) -> dict[str, Any]:
    """One act with its proof: leaf, inclusion path, and the signed checkpoint it leads to."""
    recorded, receipt = home.ledger.entry(index), home.ledger.inclusion(index)
    return {"leaf": recorded.leaf.decode(), **asdict(receipt)}


def verify(directory: Path, keys: Sequence[str]) -> dict[str, Any]:
    """Check a whole ledger under its public keys.

    Raises:
        Unverified: the first flaw. Malformed: `ledger.not-there`. VerificationError: `note.bad-key`.
    """
    if not directory.is_dir():
        raise Malformed("ledger.not-there", "expected the directory of a ledger", where=str(directory))
    report = fsck.verify(directory, [Verifier.parse(key, "--key") for key in keys])
    return asdict(report)


def verify_volume(path: Path, trust: Path | None, checkpoints: Sequence[Path], rows: Path | None, *, as_json: bool) -> int:
    """Run `incamera-verify`, the very program the other side runs; returns its exit code."""
    arguments = [str(path)]
    arguments += ["--trust", str(trust)] if trust else []
    for checkpoint in checkpoints:
        arguments += ["--checkpoint", str(checkpoint)]
    arguments += ["--rows", str(rows)] if rows else []
    return cli.main([*arguments, *(["--json"] if as_json else [])])


def unseal(sealed: Path, identity: Path, out: Path) -> dict[str, Any]:
    """Open a sealed volume with an age identity file (comment lines as age-keygen writes them are skipped)."""
    lines = [line.strip() for line in identity.read_text("utf-8").splitlines()]
    secret = next((line for line in lines if line.startswith("AGE-SECRET-KEY-")), "")
    return {"volume": str(unseal_directory(sealed, out, secret).volume)}
