"""Verification of a volume, in the numbered steps a person reads. Raises at the first flaw, naming the step; never a bool.

 1. layout and manifest      no file missing, added or renamed; every byte as listed
 2. manifest signature       the root is signed by the key the volume states
 3. signer                   that key is the one pinned outside of the volume
 4. ledger                   root, acts, signed history; pinned earlier states are in it
 5. order of acts            nothing happened before what had to come first; the sealed root is this one
 6. frame                    its root recomputed from its rows, and committed to in the ledger
 7. draw                     seeds match their commitments; drawing again gives the same rows
 8. rows                     every row drawn, and its bytes under a recorded decision
 9. documents                load file, natives and texts say what the rows say, and nothing else
10. figures                  every figure that can be recomputed, recomputed; the page is the certificate's
11. the rest                 the figures that could not be, with who can check them
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from incamera_verify import acts, certificate, documents, logs, manifest, numbers, rows, sample
from incamera_verify import evidence as measured
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import Manifest
from incamera_verify.note import Checkpoint, Verifier
from incamera_verify.report import Listed, Report, Step, step
from incamera_verify.tiles import Bundle, check_bundle
from incamera_verify.trust import Trust

VERSION = "incamera/volume/1"
FACTS = "volume.json"
ROWS, SEALED_ROWS, DIGESTS = "BULK/rows.jsonl.gz", "BULK/rows.jsonl.gz.age", "BULK/digests.jsonl.gz"

_KEYS = {
    "version", "tables", "volume", "matter", "order", "prefix", "width", "scope", "designation", "bulk", "documents",
    "first_bates", "last_bates", "manifest_key", "log_keys",
}  # fmt: skip
#: Files of which a volume has any number; later steps hold texts, natives and seeds to their rows and parties.
_PLACES = re.compile(
    r"TABLES/[a-z][a-z0-9_]{0,63}\.csv|TEXT/[0-9]{4,}/[A-Z0-9-]+\.txt|NATIVES/[0-9]{4,}/[A-Z0-9-]+\.rsmf|SAMPLE/seeds/[a-z0-9._-]+\.json|"
    r"EVIDENCE/(?:plan|result|report|tally-[1-9][0-9]{0,3})\.json|EVIDENCE/report\.html"
)
_PREFIX = re.compile(r"[A-Z][A-Z0-9-]{0,15}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What `volume.json` says about the volume's own form."""

    volume: str
    matter: str
    order: str
    prefix: str
    width: int
    scope: str
    designation: str
    bulk: str
    documents: int
    first_bates: str
    last_bates: str
    manifest_key: Verifier
    log_keys: tuple[Verifier, ...]

    @classmethod
    def parse(cls, data: bytes) -> Facts:
        """Read `volume.json` strictly. Raises `VerificationError`, `volume.malformed`."""
        value = manifest.load_json(data, "volume.malformed", FACTS)
        if not isinstance(value, dict) or set(value) != _KEYS or (value["version"], value["tables"]) != (VERSION, logs.VERSION):
            raise _malformed(f"expected the facts of a volume of version {VERSION}")
        texts = (
            "volume",
            "matter",
            "order",
            "prefix",
            "scope",
            "designation",
            "bulk",
            "first_bates",
            "last_bates",
            "manifest_key",
        )
        if not all(isinstance(value[name], str) for name in texts) or not _PREFIX.fullmatch(value["prefix"]):
            raise _malformed("a fact is not a string, or the Bates prefix is not one")
        if value["scope"] not in ("responsive", "sample") or value["bulk"] not in ("open", "sealed"):
            raise _malformed("scope or bulk lane is none of the known")
        if type(value["width"]) is not int or not 4 <= value["width"] <= 18 or type(value["documents"]) is not int:
            raise _malformed("width or documents is not a plausible whole number")
        keys = value["log_keys"]
        if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
            raise _malformed("log_keys is not a list of keys")
        known = {name: value[name] for name in _KEYS - {"version", "tables", "manifest_key", "log_keys"}}
        return cls(
            manifest_key=Verifier.parse(value["manifest_key"], FACTS),
            log_keys=tuple(Verifier.parse(key, FACTS) for key in keys),
            **known,
        )


@dataclass(slots=True)
class _Evidence:
    """What earlier steps established, for later ones."""

    path: Path
    trust: Trust | None
    manifest: Manifest
    facts: Facts
    present: frozenset[str]
    rows: Path | None = None
    bundle: Bundle | None = None
    acts: acts.Acts | None = None
    sample: sample.Sample | None = None
    tally: numbers.Tally = field(default_factory=numbers.Tally)
    logs: logs.LogIndex = field(default_factory=logs.LogIndex)
    produced: dict[str, tuple[str, bytes]] = field(default_factory=dict)


def verify(path: Path, trust: Trust | None = None, *, unsealed: Path | None = None) -> Report:
    """Check the volume in *path*, step by step.

    Args:
        trust: Keys and checkpoints pinned outside of the volume. Without it steps 2 to 5 use the keys the volume states, and
            the report says that signer and history are not established.
        unsealed: The decrypted `rows.jsonl.gz` of a volume whose bulk lane is sealed to its recipient.

    Raises:
        VerificationError: `where` begins with the number and title of the step that failed.
    Privacy: reads de-identified text; errors and report name paths, row ids and counts only.
    Cost: reads every byte twice; a few hundred bytes of memory a row, text of one row at a time, documents' rows on disk.
    Source: docs/formats/volume.md.
    """
    report = Report()
    with step(1, "layout and manifest"):
        evidence = _layout(path, trust, unsealed)
    report.volume, report.matter = evidence.facts.volume, evidence.facts.matter
    _passed(report, 1, "layout and manifest", f"{len(evidence.manifest.files)} files, each as listed")
    for number, (title, check) in enumerate(_STEPS, start=2):
        with step(number, title):
            detail = check(evidence, report)
        if detail is not None:
            report.steps.append(Step(number, title, "not run" if detail.startswith("no ") else "passed", detail))
    report.established = trust is not None
    return report


def _passed(report: Report, number: int, title: str, detail: str) -> None:
    report.steps.append(Step(number, title, "passed", detail))


def _malformed(hint: str) -> VerificationError:
    return VerificationError("volume.malformed", hint, FACTS)


# --- the steps ------------------------------------------------------------------------------------------------------


def _layout(path: Path, trust: Trust | None, unsealed: Path | None) -> _Evidence:
    present = list(manifest.walk(path))
    at = path / manifest.DIRECTORY
    expected = {f"{manifest.DIRECTORY}/{name}" for name in manifest.MANIFEST_FILES}
    found = {name for name in present if name.startswith(f"{manifest.DIRECTORY}/")}
    if found != expected:
        raise VerificationError("volume.bad-layout", "MANIFEST holds its three files and nothing else", manifest.DIRECTORY)
    if (at / manifest.JSON).stat().st_size > manifest.MANIFEST_BYTES_MAX:
        raise VerificationError("volume.bad-layout", "the manifest is too large to be one", manifest.DIRECTORY)
    listed = Manifest.parse((at / manifest.JSON).read_bytes())
    if (at / manifest.SUMS).read_bytes() != listed.sums():
        raise VerificationError(
            "volume.bad-layout", "sha256sum.txt is not what manifest.json gives", f"{manifest.DIRECTORY}/{manifest.SUMS}"
        )
    manifest.check_files(path, listed, present)
    facts = Facts.parse((path / FACTS).read_bytes())
    if facts.volume != listed.volume:
        raise _malformed("the facts name another volume than the manifest")
    _known_files(listed, facts)
    return _Evidence(path=path, trust=trust, manifest=listed, facts=facts, present=frozenset(present), rows=unsealed)


def _known_files(listed: Manifest, facts: Facts) -> None:
    """Only files that a later step reads, or that this page of the format names: a stowaway is refused even if it is listed."""
    bulk = {ROWS, "BULK/rows.parquet"} if facts.bulk == "open" else {SEALED_ROWS, "BULK/rows.parquet.age", DIGESTS}
    words = {FACTS, "README.txt", "run.json", "DICTIONARY.csv", certificate.JSON, certificate.HTML}
    exact = words | bulk | {"BULK/weights.csv", documents.dat_path(facts.volume), sample.FRAME, sample.DRAW, *logs.LOGS}
    for file in listed.files:
        if file.path not in exact and not _PLACES.fullmatch(file.path):
            raise VerificationError("volume.bad-layout", "a volume has no place for this file", file.path)
    for name in sorted(exact - {file.path for file in listed.files}):
        raise VerificationError("volume.missing-file", "every volume has this file, and this one does not", name)


def _signature(evidence: _Evidence, report: Report) -> str:
    note = (evidence.path / manifest.DIRECTORY / manifest.NOTE).read_bytes()
    manifest.check_note(note, evidence.manifest, [evidence.facts.manifest_key])
    return f"root {evidence.manifest.root[:16]}\u2026 signed by {evidence.facts.manifest_key.name}"


def _signer(evidence: _Evidence, report: Report) -> str:
    trust = evidence.trust
    if trust is None:
        return "no trust file: anybody could have made these keys"
    note = (evidence.path / manifest.DIRECTORY / manifest.NOTE).read_bytes()
    manifest.check_note(note, evidence.manifest, trust.manifest)
    for name, pinned, stated in (("matter", trust.matter, evidence.facts.matter), ("order", trust.order, evidence.facts.order)):
        if pinned is not None and pinned != stated:
            raise VerificationError("volume.other-matter", f"the volume answers another {name} than the trust file names", FACTS)
    return "the pinned key"


def _ledger(evidence: _Evidence, report: Report) -> str:
    trust = evidence.trust
    keys: Sequence[Verifier] = trust.log if trust else evidence.facts.log_keys
    pinned: Sequence[Checkpoint] = trust.checkpoints if trust else ()
    bundle = check_bundle(evidence.path / manifest.LEDGER, keys, pinned)
    known = {f"{manifest.LEDGER}/{name}" for name in acts.bundle_files(bundle.checkpoint.size)}
    for extra in sorted(name for name in evidence.present if name.startswith(f"{manifest.LEDGER}/") and name not in known):
        raise VerificationError("volume.added-file", "the ledger's directory holds a file that no ledger has", extra)
    evidence.bundle = bundle
    earlier = f", {len(pinned)} pinned earlier states in its history" if pinned else ""
    return f"{len(bundle.entries)} acts of this matter among {bundle.checkpoint.size}{earlier}"


def _acts(evidence: _Evidence, report: Report) -> str:
    assert evidence.bundle is not None
    evidence.acts = acts.check(
        evidence.bundle.entries, matter=evidence.facts.matter, order=evidence.facts.order, volume=evidence.facts.volume,
        manifest_root=evidence.manifest.root,
    )  # fmt: skip
    return "matter, frame, seeds, draw, grant, decisions, seal: in this order"


def _frame(evidence: _Evidence, report: Report) -> str:
    assert evidence.acts is not None
    evidence.sample = sample.read(evidence.path, evidence.acts)
    return f"{len(evidence.sample.frame)} rows, root as committed before any seed"


def _draw(evidence: _Evidence, report: Report) -> str:
    assert evidence.acts is not None
    assert evidence.sample is not None
    parties = sample.check_draw(
        evidence.path, evidence.sample, evidence.acts, matter=evidence.facts.matter, order=evidence.facts.order
    )
    return f"{len(evidence.sample.drawn)} rows drawn again from the seeds of {', '.join(parties)}"


def _rows(evidence: _Evidence, report: Report) -> str:
    assert evidence.acts is not None
    assert evidence.sample is not None
    tally, index = evidence.tally, evidence.logs
    for entry in index.redactions(logs.read(evidence.path / "LOGS/redaction.csv", logs.REDACTION, "LOGS/redaction.csv")):
        tally.redaction(entry)
    for entry in index.withheld(logs.read(evidence.path / "LOGS/withheld.csv", logs.WITHHELD, "LOGS/withheld.csv")):
        tally.log("withheld", entry)
    for entry in index.waivers(logs.read(evidence.path / "LOGS/waiver.csv", logs.WAIVER, "LOGS/waiver.csv")):
        tally.log("waivers", entry)
    for entry in logs.read(evidence.path / "LOGS/exceptions.csv", logs.EXCEPTIONS, "LOGS/exceptions.csv"):
        tally.log("exceptions", entry)
    seen: set[str] = set()
    sealed = evidence.facts.bulk == "sealed"
    known = _digests(evidence) if sealed else {}
    if sealed and evidence.rows is None:
        for row in rows.read(evidence.path / DIGESTS, rows.DIGESTS_VERSION, DIGESTS):
            _row(evidence, row, seen)
        _complete(evidence, seen)
        return f"{len(seen)} rows under recorded decisions, by their digests; their text is sealed to its recipient"
    for row in rows.read(evidence.rows or evidence.path / ROWS, rows.ROWS_VERSION, ROWS):
        if sealed and known.pop(row["conversation"], None) != rows.digest(row["record"]):
            raise VerificationError(
                "rows.other-digest", "an unsealed row is not the one whose digest is listed", f"row {row['conversation']}"
            )
        _row(evidence, row, seen)
        rows.check_outputs(row, f"row {row['conversation']}")
        index.check(row, f"row {row['conversation']}")
    if known:
        raise VerificationError("rows.missing", "the unsealed rows are fewer than the digests listed", DIGESTS)
    index.check_no_others()
    _complete(evidence, seen)
    return f"{len(seen)} rows, each drawn, and each under a recorded decision to produce it"


def _digests(evidence: _Evidence) -> dict[str, str]:
    return {row["conversation"]: row["sha256"] for row in rows.read(evidence.path / DIGESTS, rows.DIGESTS_VERSION, DIGESTS)}


def _row(evidence: _Evidence, row: dict[str, Any], seen: set[str]) -> None:
    assert evidence.acts is not None
    assert evidence.sample is not None
    where = f"row {row['conversation']}"
    if row["conversation"] in seen:
        raise VerificationError("rows.duplicate", "a conversation stands in the bulk lane twice", where)
    seen.add(row["conversation"])
    evidence.sample.check_row(row, where)
    rows.check_decision(row, evidence.acts.decisions, where)
    evidence.tally.row(row)
    sha256 = row["sha256"] if "sha256" in row else rows.digest(row["record"])
    evidence.produced[row["conversation"]] = (row["stratum"], rows.clearance_leaf(row["conversation"], sha256))


def _complete(evidence: _Evidence, seen: set[str]) -> None:
    """A produced sample is the whole draw: what is not a row must be withheld, or an exception, by name."""
    assert evidence.sample is not None
    if evidence.facts.scope != "sample":
        return
    path = evidence.path / "LOGS/exceptions.csv"
    excused = {name for name, replaced in evidence.logs.by_conversation.items() if replaced.whole}
    excused |= {entry["id"] for entry in logs.read(path, logs.EXCEPTIONS)}
    for name in sorted(evidence.sample.drawn.keys() - seen - excused):
        raise VerificationError(
            "rows.missing", "a drawn conversation is neither produced nor withheld nor an exception", f"row {name}"
        )


def _documents(evidence: _Evidence, report: Report) -> str:
    known = evidence.rows if evidence.facts.bulk == "sealed" else evidence.path / ROWS
    lane = rows.read(known, rows.ROWS_VERSION, ROWS, again=True) if known else None
    detail, evidence.tally.counts["dat.substitutions"] = documents.check(
        evidence.path, evidence.present, evidence.facts, lane, evidence.logs
    )
    return detail


def _figures(evidence: _Evidence, report: Report) -> str:
    assert evidence.sample is not None
    data = (evidence.path / certificate.JSON).read_bytes()
    stated = certificate.parse(data)
    if (evidence.path / certificate.HTML).read_bytes() != certificate.page(stated):
        raise VerificationError("certificate.other-page", "the page is not what the certificate gives", certificate.HTML)
    for name in ("volume", "matter", "scope", "designation"):
        if stated[name] != getattr(evidence.facts, name):
            raise VerificationError("certificate.malformed", "the certificate is about another volume", name)
    assert evidence.acts is not None
    drawn = evidence.sample
    acted = {"frame": (evidence.acts.frame, len(drawn.frame)), "draw": (evidence.acts.draw, len(drawn.drawn))}
    numbers.check_custody(stated["figures"], acted)
    recomputed = figures(evidence.manifest, evidence.facts, evidence.sample, evidence.tally)
    recomputed |= _tables(evidence, recomputed)
    recomputed |= _measured(evidence, stated["labels"])
    report.recomputed, rest = numbers.check_figures(stated["figures"], recomputed)
    report.labels = tuple(stated["labels"])
    report.listed = [
        Listed(item["id"], item["label"], certificate.display(item["value"]), certificate.CLASSES[item["class"]], item["how"])
        for item in rest
    ]
    return f"{report.recomputed} figures of the certificate recomputed and equal"


def figures(listed: Manifest, facts: Facts, drawn: sample.Sample, tally: numbers.Tally) -> dict[str, numbers.Value]:
    """Every figure this volume lets anybody recompute, by name. The product states exactly these."""
    return {
        **tally.figures(),
        "documents.total": facts.documents,
        "bates.first": facts.first_bates or "none",
        "bates.last": facts.last_bates or "none",
        "frame.rows": len(drawn.frame),
        "frame.root": drawn.root,
        "draw.rows": len(drawn.drawn),
        "draw.parties": ", ".join(drawn.parties),
        "content.root": manifest.root(file for file in listed.files if not file.path.startswith("CERT/")),
    }


def _tables(evidence: _Evidence, recomputed: Mapping[str, numbers.Value]) -> dict[str, numbers.Value]:
    """Check the tables that can be; the figures that are read off them."""
    assert evidence.sample is not None
    tables = evidence.path / "TABLES"
    hits = list(logs.read(tables / "hits_by_threshold.csv", where="TABLES/hits_by_threshold.csv"))
    # What could not be processed, or is sealed by its subject, was not examined, and cannot be in the denominator.
    excused = {entry["id"] for entry in logs.read(evidence.path / "LOGS/exceptions.csv", logs.EXCEPTIONS)}
    excused |= evidence.logs.encrypted
    examined = len(evidence.sample.drawn.keys() - excused)
    numbers.check_hits(hits, recomputed, examined, whole_draw=evidence.tally.counts["rows.total"] == examined)
    numbers.check_masked_share(list(logs.read(tables / "masked_share.csv", where="TABLES/masked_share.csv")), recomputed)
    return numbers.unrelated(hits)


def _measured(evidence: _Evidence, labels: Sequence[str]) -> dict[str, numbers.Value]:
    """Hold the evidence of what was missed to rows and ledger; the figures that follow from it."""
    assert evidence.sample is not None
    assert evidence.bundle is not None
    facts = evidence.facts
    known = measured.Rows(evidence.produced, evidence.sample, facts.bulk == "sealed", labels)
    return measured.check(evidence.path, evidence.present, evidence.bundle.entries, known, matter=facts.matter, order=facts.order)


def _rest(evidence: _Evidence, report: Report) -> str:
    return (
        f"{len(report.listed)} figures are checkable by the neutral, attested, or need the sealed rows"
        if report.listed
        else "none"
    )


_STEPS: tuple[tuple[str, Callable[[_Evidence, Report], str]], ...] = (
    ("manifest signature", _signature),
    ("signer", _signer),
    ("ledger", _ledger),
    ("order of acts", _acts),
    ("frame", _frame),
    ("draw", _draw),
    ("rows", _rows),
    ("documents", _documents),
    ("figures", _figures),
    ("figures not recomputed", _rest),
)
