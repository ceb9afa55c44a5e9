"""A small matter, made whole: real keys, ledger, frame, seeds, draw and decisions, and a volume built and sealed from them.

For tests of everything that reads a volume. All text is made up here; nothing is faked but the people.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core.canon import canonical
from incamera.core.crypto import public_text
from incamera.core.ids import Commitment, Digest, Ref, digest, new_ref
from incamera.core.records import (
    Cleared,
    Commonness,
    Decision,
    Entry,
    Match,
    Part,
    Production,
    Receipt,
    Redacted,
    Span,
    Surrogate,
    Turn,
    Waiver,
    produced,
)
from incamera.governance.terms import Committed
from incamera.ledger.bundle import export
from incamera.ledger.log import Ledger
from incamera.production import Evidence, Failure, Figure, Package, SampleFiles, Terms, Withheld, build, compose, seal
from incamera.sampling.draw import make
from incamera.sampling.files import write_draw, write_frame
from incamera.sampling.frame import Frame
from incamera.sampling.seed import Seed, reveal
from incamera.testing.clock import HandClock
from incamera_verify import merkle
from incamera_verify.draw import Drawn, FrameRow, frame_root, strata
from incamera_verify.note import Signer
from incamera_verify.rows import clearance_leaf, unanswered
from incamera_verify.trust import Trust

MATTER = "24-cv-00001"
ORIGIN = "holder.example/ledger"
RECIPE = Digest("5e" * 32)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

#: Text that would break careless writers: load-file delimiters, line ends, right-to-left, emoji, markup, formulas.
HOSTILE = "þ\x14® \r\n\u2028{U+00FE} \u202eשלום\u202c مرحبا 👩\u200d👩\u200d👧 <script>alert(1)</script> =SUM(A1) \t--rsmf-"
_PROSE = (
    "The tide table for the northern harbour lists three crossings before noon, none of which the ferry can make in a gale.",
    "Could you turn these notes about beekeeping into a plan for the first spring, with the jobs sorted by week?",
    "Una receta de lentejas con laurel, sin prisa, para seis personas y un invierno largo.",
    "def area(r):\n    return 3.14159 * r * r  # why is this off by a little?",
    "Das Angebot gilt bis zum Ende des Monats, danach bitten wir um eine neue Anfrage.",
)


def redacted(
    turns: Sequence[tuple[str, Sequence[str]]], *, name: str = "Quillon Vesterby", title: str = "A plan", **facts: Any
) -> Redacted:
    """A Redacted made by replacing every *name* in made-up texts, with spans on the source as de-identification gives them."""
    surrogates: list[Surrogate] = []

    def treat(text: str, turn: int, part: int) -> str:
        out, at = [], 0
        while (hit := text.find(name, at)) >= 0:
            span = Span(turn=turn, part=part, start=hit, end=hit + len(name))
            surrogates.append(Surrogate(span=span, label="PERSON", replacement="[PERSON-1]", method="tag", detector="gate.name"))
            out += [text[at:hit], "[PERSON-1]"]
            at = hit + len(name)
        return "".join([*out, text[at:]])

    header = (Part(kind="text", path="title", text=treat(title, -1, 0)),)
    made = tuple(
        Turn(
            index=i,
            role=role,  # type: ignore[arg-type]
            parent=i - 1 if i else None,
            at=datetime(2024, 5, 1, tzinfo=UTC),
            llm=facts.get("llm") if role == "assistant" else None,
            tool="search" if role == "tool" else None,
            parts=tuple(Part(kind="text", path=f"parts[{p}]", text=treat(text, i, p)) for p, text in enumerate(texts)),
        )
        for i, (role, texts) in enumerate(turns)
    )
    return Redacted(
        source=Commitment(secrets.token_hex(32)), recipe=RECIPE, header=header, turns=made, surrogates=tuple(surrogates),
        waivers=facts.get("waivers", ()), withheld=facts.get("withheld", ()),
    )  # fmt: skip


@dataclass(slots=True)
class World:
    """One matter up to its decisions, in a directory; `build` and `seal` make volumes of it."""

    home: Path
    ledger: Ledger
    clock: HandClock
    production_key: Signer
    log_key: Signer
    order: Digest
    sampled: SampleFiles
    items: list[Cleared]
    early_checkpoint: bytes

    def terms(self, **changes: Any) -> Terms:
        """Terms of a whole sample, bulk lane open, unless changed."""
        given: dict[str, Any] = {
            "matter": MATTER,
            "order": self.order,
            "caption": "Harbour Press Cooperative v. Lanternfish Assistants, Inc.",
            "number": "No. 24-cv-00001 (N.D. Example)",
            "court": "District Court of Example",
            "volume": "VOL001",
            "prefix": "INC",
            "designation": "HIGHLY CONFIDENTIAL - ATTORNEYS' EYES ONLY",
            "scope": "sample",
            "bulk_export_paragraph": "12(b)",
        }
        return Terms(**given | changes)

    @property
    def evidence(self) -> Evidence:
        """Where decisions are looked up again."""
        return Evidence(leaves=lambda index: self.ledger.entry(index).leaf, log=(self.log_key.verifier,))

    def build(self, out: Path, items: Iterable[Cleared] | None = None, *, terms: Terms | None = None, **more: Any) -> Package:
        """A package of *items* (all of them unless given), with one exception logged."""
        more.setdefault("exceptions", [Failure(id="0" * 32, stage="ingest", code="ingest.bad-record")])
        return build(
            self.items if items is None else items, terms=terms or self.terms(), evidence=self.evidence, sampled=self.sampled,
            signer=self.production_key.verifier, out=out, **more,
        )  # fmt: skip

    def seal(self, package: Package, *, figures: Sequence[Figure] = (), **more: Any) -> Production:
        """The sealed volume, with two figures of the classes nobody can recompute."""
        own = [
            Figure(
                id="frame.population",
                label="Conversations in the vault",
                value=48_211,
                kind="neutral",
                how="counted in the vault",
                section="Frame",
            ),
            Figure(
                id="deid.bound",
                label="Residual leak bound",
                value="not established",
                kind="attested",
                how="no reader sample was annotated",
                section="De-identification",
            ),
            *figures,
        ]
        certificate = compose(
            package,
            figures=own,
            labels=("SINGLE-OPERATOR RUN",),
            defaults=(("matching.min_words", "8"),),
            order=(("Paragraph", "12"),),
            keys="Local key file. Anybody who holds the file and its passphrase can open the vault.",
            software={"incamera": "0.1.0"},
            issued_at=self.clock.now(),
        )
        given: dict[str, Any] = {
            "certificate": certificate, "signer": self.production_key, "appender": self.ledger,
            "export": lambda directory: export(self.ledger, MATTER, directory), "actor": "holder", "clock": self.clock,
        }  # fmt: skip
        return seal(package, **given | more)

    def volume(self, out: Path, **more: Any) -> Path:
        """Build and seal in one go; where the volume lies."""
        self.seal(self.build(out, **more))
        return out

    def trust(self, *, early: bool = True) -> bytes:
        """A trust file with the true keys and, unless *early* is false, a checkpoint from before the draw."""
        trust = Trust(ORIGIN, (self.log_key.verifier,), (self.production_key.verifier,), (), MATTER, self.order)
        return trust.to_toml([self.early_checkpoint] if early else [])


def world(
    home: Path,
    *,
    frame: int = 60,
    size: int = 12,
    seed: int = 7,
    kinds: Callable[[int], Redacted] | None = None,
    log_key: Signer | None = None,
    production_key: Signer | None = None,
) -> World:
    """A matter with *frame* conversations, *size* drawn, all decided to be produced; one in three is responsive.

    Texts follow from *seed*; ids and seeds of the draw never do, and keys are fresh unless given.
    """
    home.mkdir(parents=True, exist_ok=True)
    clock = HandClock(START)
    log_key = log_key or Signer.generate(ORIGIN)
    production_key = production_key or Signer.generate("holder.example/production")
    ledger = Ledger.create(home / "ledger", [log_key], clock)
    order = digest(b"a made-up order")
    clock.move(minutes=1)

    def act(name: str, **fields: Any) -> Receipt:
        clock.move(seconds=20)
        return ledger.append(Entry(act=name, matter=MATTER, actor="holder", fields=fields))

    keys = {name: Ed25519PrivateKey.generate() for name in ("holder", "neutral", "requester")}
    seeds = {name: Seed(party=name, value=secrets.token_bytes(32)) for name in keys}
    committed = [Committed(party=n, commitment=seeds[n].commitment, key=public_text(key)) for n, key in keys.items()]
    act("matter.opened", order=order, protocol=digest(b"protocol"))
    whole = _frame(frame)
    fields = {"root": whole.root, "size": frame, "commitments": sorted(c.commitment for c in committed)}
    early = act("frame.committed", **fields).checkpoint.encode()
    reveals = {n: reveal(seeds[n], keys[n], matter=MATTER, order=order, frame=whole.root) for n in keys}
    for one in committed:
        act("seed.revealed", party=one.party, commitment=one.commitment, reveal=digest(reveals[one.party]), frame=whole.root)
    made_draw = make(whole, {n: s.value for n, s in seeds.items()}, size, matter=MATTER, order=order, commitments=committed)
    sampled = SampleFiles(frame=home / "frame.jsonl.gz", draw=home / "draw.jsonl", reveals=reveals)
    write_frame(sampled.frame, whole)
    write_draw(sampled.draw, made_draw)
    act("draw.made", frame=whole.root, size=size, root=made_draw.root, file=made_draw.digest)
    act("access.granted", request=digest(b"request"), purpose="court_order", scope=digest(b"scope"), max_records=size,
        not_before="2026-03-02T09:00:00Z", expires_at="2026-04-02T09:00:00Z", approvals=[digest(b"a"), digest(b"b")])  # fmt: skip
    act("key.released", conversations=size, root=digest(b"crefs"))
    texts = random.Random(seed)
    made = [(kinds or (lambda n: _conversation(n, texts)))(n) for n in range(size)]
    items = _decide(made_draw.rows, made, act)
    return World(home, ledger, clock, production_key, log_key, order, sampled, items, early)


def _conversation(number: int, texts: random.Random) -> Redacted:
    turns: list[tuple[str, Sequence[str]]] = []
    for turn in range(2 + number % 4):
        who = ("user", "assistant")[turn % 2]
        prose = texts.choice(_PROSE)
        named = f"{prose} Quillon Vesterby said so twice, Quillon Vesterby did." if turn % 3 == 0 else prose
        turns.append((who, [named, HOSTILE] if number % 5 == 0 else [named]))
    if number % 4 == 3:
        turns.insert(1, ("tool", ["nine results"]))
    if number == 4:
        turns[1] = (turns[1][0], ["[WITHHELD: LANG-NOT-COVERED]"])
    waivers = (
        (Waiver(span=Span(turn=0, part=0, start=0, end=3), label="ORG", detector="gate.name", work_id="=work-1"),)
        if number == 2
        else ()
    )
    withheld = ((Span(turn=1, part=0, start=0, end=400), "LANG-NOT-COVERED"),) if number == 4 else ()
    llm = HOSTILE if number == 3 else "lantern-2"
    return redacted(turns, title="Letter from Quillon Vesterby", waivers=waivers, withheld=withheld, llm=llm)


def _matches(number: int, item: Redacted) -> tuple[Match, ...]:
    """Runs of given lengths in outputs, and one in a prompt that must not count."""
    words = (0, 9, 30, 120)[number % 4]
    prompt = Match(
        span=Span(turn=0, part=0, start=0, end=12), work_id="work-1", work_start=5, work_end=17, words=60, elicitation=("PROMPT",)
    )
    answer = next((t for t in item.turns if t.role == "assistant"), None)
    if not words or answer is None or item.withheld:
        return (prompt,)
    common = Commonness(works=1, owners=1, background=0, surprisal=87.125)
    span = Span(turn=answer.index, part=0, start=0, end=14)
    run = Match(
        span=span, work_id="work-2", work_start=40, work_end=54, words=words, elicitation=("SPONTANEOUS",), commonness=common
    )
    return (prompt, run)


def _decide(drawn: Sequence[Drawn], made: Sequence[Redacted], act: Callable[..., Receipt]) -> list[Cleared]:
    """Two fragments, one decision each, as a stipulated rule makes them."""
    items: list[Cleared] = []
    half = len(drawn) // 2
    for lot in (range(half), range(half, len(drawn))):
        leaves = [clearance_leaf(drawn[n].row, digest(canonical(produced(made[n])))) for n in lot]
        tree = merkle.Tree(leaves)
        target = Digest(tree.root().hex())
        receipt = act(
            "decision.recorded", target=target, call="produce", reason="STIPULATED-RULE", rows=len(leaves), basis="rule"
        )
        decision = Decision(matter=MATTER, target=target, call="produce", reason="STIPULATED-RULE", actor="rule-12", at=START)
        items += [
            Cleared(
                conversation=Ref(drawn[n].row),
                redacted=made[n],
                matches=_matches(n, made[n]),
                facts=_facts(n, drawn[n], made[n]),
                decision=decision,
                receipt=receipt,
                row=place,
                proof=tuple(step.hex() for step in tree.inclusion_path(place)),
                rows=len(leaves),
            )
            for place, n in enumerate(lot)
        ]
    return items


def _facts(number: int, drawn: Drawn, made: Redacted) -> dict[str, Any]:
    missing = unanswered(produced(made))
    return {
        "stratum": drawn.stratum,
        "probability": drawn.probability,
        "rank": drawn.rank,
        "position": drawn.position,
        "month": drawn.stratum[6:13],
        "region": drawn.stratum.rpartition("=")[2],
        "tier": "free",
        "source": "chatgpt",
        "language": "en",
        "temporary": number == 1,
        "deletion_requested": number == 2,
        "party_account": number == 3,
        "subject": new_ref(),
        "outputs_missing": {"no_output": missing} if missing else {},
        "responsive": number % 3 == 0,
        "hits": 1,
    }


def _frame(size: int) -> Frame:
    rows = tuple(sorted(FrameRow(new_ref(), f"month=2024-0{1 + n % 3};region={'EEA' if n % 2 else 'US'}") for n in range(size)))
    return Frame(
        rows=rows,
        root=Digest(frame_root(rows).hex()),
        strata=strata(rows),
        stratified_by=("month", "region"),
        population=size + 9,
        excluded={"tier:enterprise": 9},
        excluded_each={"tier:enterprise": 9},
    )


__all__ = ["HOSTILE", "MATTER", "ORIGIN", "Withheld", "World", "redacted", "world"]
