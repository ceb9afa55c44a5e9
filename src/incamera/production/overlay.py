"""Takes documents of a delivered volume back: an overlay load file, slip sheets, and an act in the ledger.

What was delivered cannot be erased from here; the overlay says what has to be returned or destroyed, and proves that it was
said, when, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from incamera.core.errors import Malformed, Refused
from incamera.core.ports import Appender
from incamera.core.records import Entry
from incamera.production import reasons
from incamera.production.files import Staging, world
from incamera_verify import documents, loadfile, logs, manifest, overlay, volume
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.note import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Clawback:
    """One document to take back: its number, a reason code, and the paragraph or request it rests on."""

    bates: str
    reason: str
    basis: str = ""


def clawback(
    delivered: Path,
    taken: Sequence[Clawback],
    *,
    name: str,
    signer: Signer,
    appender: Appender,
    export: Callable[[Path], object],
    actor: str,
    out: Path,
) -> Path:
    """Write a signed overlay over the volume in *delivered* into *out*.

    Args:
        name: The overlay's own volume name, such as `VOL001-C1`.
        export: Writes the matter's ledger bundle into the directory it is given.

    Raises:
        Malformed: `production.overlay-empty`, `production.overlay-range` (a number the volume does not have, or twice),
            `production.unknown-reason`, `production.bad-terms`, `production.bad-archive` (the volume cannot be read).
        Refused: `production.other-signer`, `production.volume-exists`.
        Unavailable: `production.disk-full`, `production.io`.
    Privacy: slip sheets carry number, designation and reason; no text of the documents.
    """
    facts, known = _delivered(delivered)
    if signer.verifier != facts.manifest_key:
        raise Refused("production.other-signer", "the volume was signed with another production key", where=facts.volume)
    ordered = _checked(taken, known)
    staging = Staging(out)
    try:
        _write(staging, facts, ordered, name)
        listed = manifest.Manifest.parse(manifest.build(staging.path, name).to_json())  # read back: the name can name a volume
        for file, data in (
            (manifest.JSON, listed.to_json()),
            (manifest.SUMS, listed.sums()),
            (manifest.NOTE, bytes(listed.sign(signer))),
        ):
            staging.write(f"{manifest.DIRECTORY}/{file}", data)
        fields = {"volume": name, "manifest": listed.root, "items": len(ordered), "recipients": 0, "replaces": facts.volume}
        appender.append(Entry(act="production.sealed", matter=facts.matter, actor=actor, fields=fields))
        export(staging.path / manifest.LEDGER)
        staging.commit()
    except VerificationError as flaw:
        staging.discard()
        raise Malformed("production.bad-terms", flaw.hint, where=name) from None
    except BaseException:
        staging.discard()
        raise
    return out


def _delivered(path: Path) -> tuple[volume.Facts, set[str]]:
    """The facts of the volume and its numbers."""
    try:
        with world(str(path)):
            facts = volume.Facts.parse((path / volume.FACTS).read_bytes())
            place = documents.dat_path(facts.volume)
            return facts, set(loadfile.parse((path / place).read_bytes(), place).column("BEGBATES"))
    except VerificationError as flaw:
        raise Malformed("production.bad-archive", flaw.hint, where=flaw.where) from None


def _checked(taken: Sequence[Clawback], known: set[str]) -> list[Clawback]:
    if not taken:
        raise Malformed("production.overlay-empty", "an overlay needs at least one document")
    for item in taken:
        reasons.known(item.reason)
        if item.bates not in known:
            raise Malformed("production.overlay-range", "the volume has no document of this number", where=item.bates[:40])
    if len({item.bates for item in taken}) != len(taken):
        raise Malformed("production.overlay-range", "a number stands there twice")
    return sorted(taken, key=lambda item: item.bates)


def _write(staging: Staging, facts: volume.Facts, taken: Sequence[Clawback], name: str) -> None:
    rows = []
    with staging.table(overlay.LOG, overlay.CLAWBACK) as line:
        for number, item in enumerate(taken):
            sheet = overlay.slip_path(number, item.bates)
            staging.write(sheet, overlay.slip(item.bates, facts.designation, item.reason).encode())
            rows.append((item.bates, facts.designation, item.reason, sheet.replace("/", "\\"), "", facts.volume))
            line((item.bates, item.reason, item.basis))
    staging.write(overlay.dat_path(facts.volume), loadfile.encode(overlay.FIELDS, rows)[0])
    public = {
        "version": overlay.VERSION,
        "tables": logs.VERSION,
        "volume": name,
        "replaces": facts.volume,
        "matter": facts.matter,
        "order": facts.order,
        "designation": facts.designation,
        "documents": len(taken),
        "manifest_key": facts.manifest_key.text,
        "log_keys": [key.text for key in facts.log_keys],
    }
    staging.write(overlay.FACTS, canonical(public) + b"\n")
    text = f"{facts.designation}\n\nOverlay {name} withdraws {len(taken)} documents of volume {facts.volume}.\n"
    staging.write(
        "README.txt", f"{text}Load DATA/{facts.volume}_overlay.DAT keyed on BEGBATES; return or destroy the originals.\n".encode()
    )
