"""A clawback overlay: documents of a delivered volume taken back, in a load file keyed on their numbers.

1. layout and manifest      no file missing, added or renamed; every byte as listed
2. manifest signature       the root is signed by the key the overlay states
3. signer                   that key is the one pinned outside of it
4. ledger                   root, acts, signed history; pinned earlier states are in it
5. order of acts            the overlay was sealed after the volume it corrects, and under this root
6. overlay                  load file, slip sheets and log name the same documents
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from incamera_verify import acts, loadfile, logs, manifest
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import Manifest
from incamera_verify.note import Verifier
from incamera_verify.report import Report, Step, step
from incamera_verify.tiles import check_bundle
from incamera_verify.trust import Trust

VERSION = "incamera/overlay/1"
FACTS = "overlay.json"
FIELDS = ("BEGBATES", "CONFIDENTIALITY", "WITHHELDREASON", "TEXTPATH", "NATIVEPATH", "SUPERSEDES")
CLAWBACK = ("bates", "reason", "basis")
LOG = "LOGS/clawback.csv"

_KEYS = {"version", "tables", "volume", "replaces", "matter", "order", "designation", "documents", "manifest_key", "log_keys"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What `overlay.json` says."""

    volume: str
    replaces: str
    matter: str
    order: str
    designation: str
    documents: int
    manifest_key: Verifier
    log_keys: tuple[Verifier, ...]

    @classmethod
    def parse(cls, data: bytes) -> Facts:
        """Read `overlay.json` strictly. Raises `VerificationError`, `volume.malformed`."""
        value = manifest.load_json(data, "volume.malformed", FACTS)
        if not isinstance(value, dict) or set(value) != _KEYS or (value["version"], value["tables"]) != (VERSION, logs.VERSION):
            raise VerificationError("volume.malformed", f"expected the facts of an overlay of version {VERSION}", FACTS)
        keys = tuple(Verifier.parse(key, FACTS) for key in value["log_keys"])
        plain = {name: value[name] for name in ("volume", "replaces", "matter", "order", "designation", "documents")}
        return cls(manifest_key=Verifier.parse(value["manifest_key"], FACTS), log_keys=keys, **plain)


def dat_path(replaces: str) -> str:
    """Where the overlay's load file lies."""
    return f"DATA/{replaces}_overlay.DAT"


def slip_path(number: int, bates: str) -> str:
    """Where the slip sheet of the *number*-th document (from 0) lies."""
    return f"TEXT/{number // 1000 + 1:04d}/{bates}.txt"


def slip(bates: str, designation: str, reason: str) -> str:
    """The sheet that stands in a document's place."""
    return f"{bates}\n{designation}\n\n[WITHDRAWN: {reason}]\n\nReturn, sequester or destroy every copy of this document.\n"


def verify(path: Path, trust: Trust | None = None) -> Report:
    """Check the overlay in *path*, step by step.

    Raises:
        VerificationError: `where` begins with the number and title of the step that failed.
    Source: docs/formats/dat.md.
    """
    report = Report()
    with step(1, "layout and manifest"):
        present = list(manifest.walk(path))
        at = path / manifest.DIRECTORY
        listed = Manifest.parse((at / manifest.JSON).read_bytes())
        if (at / manifest.SUMS).read_bytes() != listed.sums():
            raise VerificationError("volume.bad-layout", "sha256sum.txt is not what manifest.json gives", manifest.SUMS)
        manifest.check_files(path, listed, present)
        facts = Facts.parse((path / FACTS).read_bytes())
        report.volume, report.matter = facts.volume, facts.matter
        _passed(report, 1, "layout and manifest", f"{len(listed.files)} files, each as listed")
    with step(2, "manifest signature"):
        note = (at / manifest.NOTE).read_bytes()
        manifest.check_note(note, listed, [facts.manifest_key])
        _passed(report, 2, "manifest signature", f"signed by {facts.manifest_key.name}")
    with step(3, "signer"):
        if trust is not None:
            manifest.check_note(note, listed, trust.manifest)
            if trust.matter not in (None, facts.matter) or trust.order not in (None, facts.order):
                raise VerificationError("volume.other-matter", "the trust file names another matter or order", FACTS)
            _passed(report, 3, "signer", "the pinned key")
        else:
            report.steps.append(Step(3, "signer", "not run", "no trust file: anybody could have made these keys"))
    with step(4, "ledger"):
        keys, pinned = (trust.log, trust.checkpoints) if trust else (facts.log_keys, ())
        bundle = check_bundle(path / manifest.LEDGER, keys, pinned)
        _passed(report, 4, "ledger", f"{len(bundle.entries)} acts of this matter among {bundle.checkpoint.size}")
    with step(5, "order of acts"):
        acts.check_overlay(bundle.entries, volume=facts.volume, replaces=facts.replaces, manifest_root=listed.root)
        _passed(report, 5, "order of acts", f"sealed after volume {facts.replaces}")
    with step(6, "overlay"):
        _passed(report, 6, "overlay", _documents(path, facts, present))
    report.established = trust is not None
    return report


def _documents(path: Path, facts: Facts, present: list[str]) -> str:
    place = dat_path(facts.replaces)
    table = loadfile.parse((path / place).read_bytes(), place)
    records = table.records()
    taken = list(logs.read(path / LOG, CLAWBACK, LOG))
    if table.fields != FIELDS or len(records) != facts.documents or len(taken) != len(records):
        raise VerificationError("documents.wrong-count", "load file and log are not of the documents stated", place)
    slips = [slip_path(n, record["BEGBATES"]) for n, record in enumerate(records)]
    if sorted(slips) != [name for name in present if name.startswith("TEXT/")]:
        raise VerificationError("documents.other-files", "slip sheets and load file do not name the same documents", place)
    for sheet, record, line in zip(slips, records, taken, strict=True):
        bates, reason = line["bates"], line["reason"]
        expected = (bates, facts.designation, reason, sheet.replace("/", "\\"), "", facts.replaces)
        if tuple(record.values()) != expected or reason not in logs.REASONS:
            raise VerificationError("documents.other-record", "load file and clawback log do not agree", bates)
        if (path / sheet).read_bytes() != slip(bates, facts.designation, reason).encode():
            raise VerificationError("documents.other-text", "a slip sheet says something else", bates)
    return f"{len(records)} documents of {facts.replaces} withdrawn"


def _passed(report: Report, number: int, title: str, detail: str) -> None:
    report.steps.append(Step(number, title, "passed", detail))
