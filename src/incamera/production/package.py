"""Builds a volume from cleared items: numbers them, renders every lane, and counts while it goes.

The same items give byte-identical DATA, TEXT, NATIVES, BULK and LOGS: nothing here reads a clock or draws a random number
(sealing the bulk lane does, as encryption must; its digests are deterministic).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from incamera.core.errors import Malformed, Refused
from incamera.core.ids import digest
from incamera.core.records import HEADER, Cleared
from incamera.production import age, parquet, reasons, rsmf
from incamera.production.bates import Numbering
from incamera.production.dictionary import dictionary, readme
from incamera.production.figures import Figure, recomputable
from incamera.production.files import Staging, gzipped, world
from incamera.production.gate import Gate, Leaves
from incamera.production.rebase import Rebase
from incamera.production.rows import digest_row, row
from incamera.production.tables import HITS, MASKED, Table, check_name, hits_by_threshold, masked_share
from incamera.production.terms import Terms
from incamera_verify import documents, loadfile, logs, manifest, numbers, render, sample, volume
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.note import Verifier
from incamera_verify.rows import DIGESTS_VERSION, ROWS_VERSION, check_outputs, text_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where decisions are looked up again: the ledger's leaves, and the keys that sign it."""

    leaves: Leaves
    log: tuple[Verifier, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFiles:
    """The frame and draw files as sampling wrote them, and each party's signed reveal."""

    frame: Path
    draw: Path
    reveals: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A drawn conversation that is not produced at all, and why; `basis` cites a paragraph or rule."""

    conversation: str
    reason: str
    basis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A record that could not be processed: its random id, the stage, and the error's code."""

    id: str
    stage: str
    code: str


@dataclass(slots=True)
class Package:
    """A built volume in its staging directory: everything but certificate, manifest and ledger, which sealing adds."""

    terms: Terms
    staging: Staging
    facts: volume.Facts
    files: tuple[manifest.File, ...]
    values: Mapping[str, numbers.Value]
    whole_draw: bool

    @property
    def figures(self) -> list[Figure]:
        """The figures of the certificate that follow from the volume: every one of them has to stand in it."""
        return recomputable(self.values, sealed=self.facts.bulk == "sealed", whole_draw=self.whole_draw)

    @property
    def root(self) -> str:
        """Merkle root over every file but certificate, manifest and ledger."""
        return str(self.values["content.root"])

    @property
    def items(self) -> int:
        """Conversations produced."""
        return int(self.values["rows.total"])

    def discard(self) -> None:
        """Give the volume up."""
        self.staging.discard()


def build(
    items: Iterable[Cleared],
    *,
    terms: Terms,
    evidence: Evidence,
    sampled: SampleFiles,
    signer: Verifier,
    out: Path,
    withheld: Iterable[Withheld] = (),
    exceptions: Iterable[Failure] = (),
    tables: Mapping[str, Table] | None = None,
    run: Mapping[str, Any] | None = None,
    measured: Mapping[str, numbers.Value] | None = None,
    files: Mapping[str, bytes] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Package:
    """Render a volume from *items* into a staging directory beside *out*.

    Args:
        items: Cleared conversations in ascending order of (rank, row id); streamed, one in memory at a time.
        signer: The public half of the key that will sign the manifest.
        withheld: Drawn conversations that are not produced, each with its reason code.
        tables: Further tables by name. `hits_by_threshold` is needed unless the whole draw is produced, when it is counted here;
            `masked_share` is always counted here.
        run: What `run.json` says of speed and cost.
        measured: Figures that the verifier computes from *files*, by name (`incamera_verify.evidence`).
        files: The evidence of what was missed, by its path in the volume.
        progress: Called with 1 for each conversation.

    Raises:
        Refused: `production.not-cleared`, `production.not-drawn`, `production.not-responsive`, `production.output-missing`,
            `production.volume-exists`, `production.bates-exhausted`.
        Malformed: `production.bad-facts`, `production.out-of-order`, `production.duplicate`, `production.bad-table`,
            `production.missing-table`, `production.unknown-reason`, `production.bad-sample`.
        Unavailable: `production.disk-full`, `production.io`; nothing stands under the volume's name.
    Privacy: reads redacted text and writes it to the staging directory; no error or count carries any.
    Cost: one pass over the items; a second pass over the files for their digests.
    """
    staging = Staging(out)
    try:
        builder = _Builder(terms, evidence, signer, staging, tables or {}, progress or (lambda _: None))
        for name, data in sorted((files or {}).items()):
            staging.write(name, data)
        return builder.build(items, sampled, withheld=withheld, exceptions=exceptions, run=run or {}, measured=measured or {})
    except BaseException:
        staging.discard()
        raise


@dataclass(slots=True)
class _Outlets:
    """The open files that every item is written to."""

    rows: Callable[[bytes], object]
    digests: Callable[[bytes], object] | None
    parquet: parquet.Writer
    weights: Callable[[Iterable[Any]], None]
    redaction: Callable[[Iterable[Any]], None]
    withheld: Callable[[Iterable[Any]], None]
    waiver: Callable[[Iterable[Any]], None]
    dat: Callable[[bytes], object]


@dataclass(slots=True)
class _Builder:
    terms: Terms
    evidence: Evidence
    signer: Verifier
    staging: Staging
    tables: Mapping[str, Table]
    progress: Callable[[int], None]
    tally: numbers.Tally = field(default_factory=numbers.Tally)
    before: tuple[str, str] = ("", "")

    def build(
        self,
        items: Iterable[Cleared],
        sampled: SampleFiles,
        *,
        withheld: Iterable[Withheld],
        exceptions: Iterable[Failure],
        run: Mapping[str, Any],
        measured: Mapping[str, numbers.Value],
    ) -> Package:
        terms = self.terms
        drawn = self._sample(sampled)
        gate = Gate(terms.matter, self.evidence.leaves, self.evidence.log)
        numbering = Numbering(terms.prefix, terms.width, terms.first_number)
        with self._outlets() as out:
            for item in items:
                self._item(item, gate, drawn, numbering, out)
                self.progress(1)
            for gone in withheld:
                self._log_withheld(out, ("", gone.conversation, "", "", reasons.known(gone.reason), gone.basis))
        with self.staging.table("LOGS/exceptions.csv", logs.EXCEPTIONS) as line:
            for failure in exceptions:
                line((failure.id, failure.stage, failure.code))
                self.tally.log("exceptions", {"code": failure.code})
        hits = self._tables(len(drawn.drawn))
        facts = self._words(numbering, run)
        with world(str(self.staging.path)):
            listed = manifest.build(self.staging.path, terms.volume)
        values = volume.figures(listed, facts, drawn, self.tally) | numbers.unrelated(hits.records())
        values |= measured
        whole = values["rows.total"] == values["draw.rows"]
        return Package(terms=terms, staging=self.staging, facts=facts, files=listed.files, values=values, whole_draw=whole)

    # --- the item ---------------------------------------------------------------------------------------------------

    def _item(self, item: Cleared, gate: Gate, drawn: sample.Sample, numbering: Numbering, out: _Outlets) -> None:
        record = gate.admit(item)
        rebase = Rebase(item.redacted)
        responsive = bool(item.facts.get("responsive"))
        if self.terms.scope == "responsive" and not responsive:
            raise Refused(
                "production.not-responsive", "the scope is responsive, and this row is not", where=f"row {item.conversation}"
            )
        public = row(item, record, numbering.next() if responsive else None, rebase)
        try:
            drawn.check_row(public, f"row {item.conversation}")
        except VerificationError as flaw:
            raise Refused("production.not-drawn", flaw.hint, where=flaw.where) from None
        try:
            check_outputs(public, f"row {item.conversation}")
        except VerificationError as flaw:
            raise Refused("production.output-missing", flaw.hint, where=flaw.where) from None
        self._in_order(public)
        self.tally.row(public)
        self._bulk(public, out)
        replaced = self._log(item, public, rebase, out)
        if public["bates"] is not None:
            self._document(public, numbering.used - 1, replaced, out)

    def _in_order(self, public: Mapping[str, Any]) -> None:
        place = (public["rank"] or "", public["conversation"])
        if place == self.before:
            raise Malformed("production.duplicate", "a conversation came twice", where=f"row {public['conversation']}")
        if place < self.before:
            raise Malformed("production.out-of-order", "items come by rank, lowest first", where=f"row {public['conversation']}")
        self.before = place

    def _bulk(self, public: Mapping[str, Any], out: _Outlets) -> None:
        out.rows(canonical(public) + b"\n")
        out.parquet.add(public)
        if out.digests is not None:
            out.digests(canonical(digest_row(public, digest(canonical(public["record"])))) + b"\n")
        weight = parquet.weight(public["probability"])
        out.weights((public["conversation"], public["stratum"], public["probability"], "" if weight is None else f"{weight:.9g}"))

    def _log(self, item: Cleared, public: Mapping[str, Any], rebase: Rebase, out: _Outlets) -> logs.Replaced:
        """Write the redaction, waiver and withheld lines of one item; what they say together."""
        replaced = logs.Replaced()
        roles = {turn["index"]: turn["role"] for turn in public["record"]["turns"]} | {HEADER: "header"}
        name = (public["bates"] or "", public["conversation"])
        for surrogate in sorted(item.redacted.surrogates, key=lambda s: s.span):
            span, code = rebase(surrogate.span), reasons.reason(surrogate)
            text = text_at(public["record"], span.turn, span.part)
            if text is None or text[span.start : span.end] != surrogate.replacement:
                if span.part < 0:  # the name of a tool or language model that was known, and stands as it was
                    continue
                raise Malformed(
                    "production.bad-surrogates", "a replacement does not stand where the span log says", where=f"row {name[1]}"
                )
            line: dict[str, Any] = dict.fromkeys(logs.REDACTION, "") | {
                "bates": name[0],
                "conversation": name[1],
                "message": span.turn,
                "part": span.part,
                "role": roles.get(span.turn, ""),
                "span_start": span.start,
                "span_end": span.end,
                "length": span.end - span.start,
                "reason": code,
                "label": surrogate.label,
                "method": reasons.method(surrogate),
                "detector": surrogate.detector,
                "replacement_type": reasons.replacement_type(surrogate),
                "pipeline_version": item.redacted.recipe,
                "reviewer1": item.decision.actor,
            }
            out.redaction(line.values())
            self.tally.redaction(line)
            replaced.reasons[code] += 1
            replaced.characters += span.end - span.start
        for waiver in sorted(item.redacted.waivers, key=lambda w: w.span):
            span = rebase(waiver.span)
            out.waiver((*name, span.turn, span.part, span.start, span.end, waiver.label, waiver.detector, waiver.work_id))
            self.tally.log("waivers", {})
        for span, code in sorted(item.redacted.withheld):
            self._log_withheld(out, (*name, span.turn, span.part, reasons.known(code), ""))
            replaced.withheld.add(code)
        return replaced

    def _log_withheld(self, out: _Outlets, line: tuple[Any, ...]) -> None:
        out.withheld(line)
        self.tally.log("withheld", {"reason": line[4]})

    def _document(self, public: Mapping[str, Any], number: int, replaced: logs.Replaced, out: _Outlets) -> None:
        terms, bates = self.terms, public["bates"]
        document = render.Document(public, terms.designation)
        native = rsmf.native(document)
        text_path, native_path = documents.text_path(number, bates), documents.native_path(number, bates)
        self.staging.write(text_path, document.text.encode())
        self.staging.write(native_path, native)
        record = document.record(
            volume=terms.volume, text_path=text_path, native_path=native_path, native=native, replaced=replaced
        )
        line, substituted = loadfile.encode_row(record.values())
        out.dat(line)
        self.tally.counts["dat.substitutions"] += substituted

    # --- what stands around the items ---------------------------------------------------------------------------------

    def _sample(self, files: SampleFiles) -> sample.Sample:
        self.staging.copy(sample.FRAME, files.frame)
        self.staging.copy(sample.DRAW, files.draw)
        for party, reveal in sorted(files.reveals.items()):
            self.staging.write(f"{sample.SEEDS}/{party}.json", reveal)
        try:
            return sample.load(self.staging.path)
        except VerificationError as flaw:
            raise Malformed("production.bad-sample", f"{flaw.hint} ({flaw.code})", where=flaw.where) from None

    def _tables(self, drawn: int) -> Table:
        """Write all tables; the one of hits by threshold."""
        tables = dict(self.tables)
        if MASKED in tables:
            raise Malformed(
                "production.bad-table", "the masked share is counted while the volume is built", where=f"TABLES/{MASKED}.csv"
            )
        figures = self.tally.figures()
        tables[MASKED] = masked_share(figures)
        if HITS not in tables:
            if self.terms.scope != "sample" or figures["rows.total"] != drawn or not drawn:
                raise Malformed(
                    "production.missing-table",
                    "rows of the volume are not the whole draw: give hits over the draw",
                    where=f"TABLES/{HITS}.csv",
                )
            tables[HITS] = hits_by_threshold({words: int(figures[f"hits.{words}"]) for words in numbers.THRESHOLDS}, drawn)
        for name, table in sorted(tables.items()):
            self._table(f"TABLES/{check_name(name)}.csv", table)
        self._table("DICTIONARY.csv", dictionary())
        return tables[HITS]

    def _table(self, name: str, table: Table) -> None:
        with self.staging.table(name, table.columns) as line:
            for values in table.rows:
                line(values)

    def _words(self, numbering: Numbering, run: Mapping[str, Any]) -> volume.Facts:
        terms, (first, last) = self.terms, numbering.range
        public = {
            "version": volume.VERSION,
            "tables": logs.VERSION,
            "volume": terms.volume,
            "matter": terms.matter,
            "order": terms.order,
            "prefix": terms.prefix,
            "width": terms.width,
            "scope": terms.scope,
            "designation": terms.designation,
            "bulk": "sealed" if terms.bulk_recipients else "open",
            "documents": numbering.used,
            "first_bates": first,
            "last_bates": last,
            "manifest_key": self.signer.text,
            "log_keys": [key.text for key in self.evidence.log],
        }
        data = canonical(public) + b"\n"
        self.staging.write(volume.FACTS, data)
        self.staging.write("README.txt", readme(terms).encode())
        self.staging.write(
            "run.json", json.dumps({"version": "incamera/run/1", **run}, indent=2, sort_keys=True, default=str).encode() + b"\n"
        )
        return volume.Facts.parse(data)

    @contextmanager
    def _outlets(self) -> Iterator[_Outlets]:
        """Open every lane and log, with their headers written."""
        name, sealed = self.terms.volume, bool(self.terms.bulk_recipients)
        self.tally.counts["dat.substitutions"] = 0
        with ExitStack() as stack:
            rows = stack.enter_context(gzipped(stack.enter_context(self._lane(volume.ROWS))))
            rows.write(canonical({"version": ROWS_VERSION, "volume": name}) + b"\n")
            digests = None
            if sealed:
                digests = stack.enter_context(gzipped(stack.enter_context(self.staging.stream(volume.DIGESTS))))
                digests.write(canonical({"version": DIGESTS_VERSION, "volume": name}) + b"\n")
            dat = stack.enter_context(self.staging.stream(documents.dat_path(name)))
            dat.write(loadfile.encode_row(loadfile.FIELDS)[0])
            yield _Outlets(
                rows=rows.write,
                digests=digests.write if digests else None,
                parquet=stack.enter_context(parquet.Writer(stack.enter_context(self._lane("BULK/rows.parquet")))),
                weights=stack.enter_context(self.staging.table("BULK/weights.csv", logs.WEIGHTS)),
                redaction=stack.enter_context(self.staging.table("LOGS/redaction.csv", logs.REDACTION)),
                withheld=stack.enter_context(self.staging.table("LOGS/withheld.csv", logs.WITHHELD)),
                waiver=stack.enter_context(self.staging.table("LOGS/waiver.csv", logs.WAIVER)),
                dat=dat.write,
            )

    @contextmanager
    def _lane(self, name: str) -> Iterator[BinaryIO]:
        """A file of the bulk lane: open, or sealed to its recipients under the name with `.age`."""
        if not self.terms.bulk_recipients:
            with self.staging.stream(name) as stream:
                yield stream
            return
        with self.staging.stream(f"{name}.age") as stream, age.sealed(stream, self.terms.bulk_recipients) as sealed:
            yield sealed
