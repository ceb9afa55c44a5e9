"""Using what a standing request was granted: each purpose does its one thing, once, and the grant ends with it.

Conversations are opened inside the vault under the grant, and asked for again when they leave: who withdrew consent meanwhile is
not in the file. Everything goes into one file that the caller names; nothing is ever printed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa

from incamera.clerk import derived, disclosing, standing, trustees
from incamera.clerk.asking import PEOPLE_MIN, recipe_digest
from incamera.clerk.authorize import kept_grant
from incamera.clerk.home import Home
from incamera.clerk.leaving import Leaving, exists, leaving
from incamera.clerk.standing import StandingWork
from incamera.clerk.watch import Silent, Watcher
from incamera.core.batch import EXAMINED
from incamera.core.errors import Refused
from incamera.core.facts import TIERS, known_tier
from incamera.core.ids import Ref, commit
from incamera.core.ports import Step
from incamera.core.records import Grant
from incamera.governance import standing_terms
from incamera.governance.files import digest_of
from incamera.governance.identity import Identity
from incamera.governance.standing_terms import StandingTerms
from incamera.vault.facts import Facts

#: Conversations under one key release: how much may still open after a revocation, and how finely consents are seen.
FRAGMENT_ROWS: Final = 64
#: So little is read without starting workers.
FEW_FRAGMENTS: Final = 4
OTHER: Final = "other"


@dataclass(frozen=True, kw_only=True, repr=False)
class Use:
    """One use of one grant."""

    work: StandingWork
    grant: Grant
    crefs: Sequence[Ref]
    processes: int
    out: Leaving
    records: Counter[str] = field(default_factory=Counter)

    @property
    def home(self) -> Home:
        return self.work.home

    @property
    def terms(self) -> StandingTerms:
        return self.work.terms

    def name_of(self, cref: bytes) -> str:
        """A pseudonym of this request alone: nobody joins two files by it."""
        return commit(self.home.matter_key(self.work.matter, "pseudonyms"), cref)[:32]


def use(
    home: Home,
    officer: Identity,
    paper: Path,
    approvals: Sequence[Path],
    *,
    out: Path,
    processes: int = 0,
    watch: Watcher | None = None,
) -> dict[str, Any]:
    """Carry a standing request out: authorize, open, write *out*, end the grant.

    A run that was killed or had to wait is run again with the same command. What had been written has no name, and is gone.

    Raises:
        Awaiting: `access.awaiting-approval`, `access.awaiting-trustees`.
        Refused: `access.used`, `access.other-purpose`, `access.other-recipe`, `access.file-exists`, `access.too-few`; as
            `issue_standing`; what the broker refuses while it is read: revoked, expired, consent withdrawn, cap used up.
        Malformed: `access.bad-request`. Unavailable: `governance.unwritable`.
    """
    terms = standing_terms.load(paper)
    if terms.purpose not in _FORMS:
        raise Refused(
            "access.other-purpose", "for this purpose nothing leaves: `incamera vault switch-class`", where=terms.matter
        )
    if terms.recipe is not None and terms.recipe != recipe_digest():
        hint = "the approvers read another de-identification than this version has: ask anew"
        raise Refused("access.other-recipe", hint, where=terms.matter)
    work = standing.work(home, terms)
    work.watch = watch or Silent()
    work.unused()
    if out.exists() or out.is_symlink():
        return _finished(work, officer, out)
    with work.running("access"):
        grant = work.authorize(officer, approvals)
        crefs = home.vault.listed(terms.listed)
        trustees.wait(work, grant, crefs, paper=paper, handed=standing.unsealing(paper))
        derived.enter_standing(home, terms.matter, form=terms.form, sealed_to_person=terms.recipient is not None)
        with leaving(out) as target:
            use = Use(work=work, grant=grant, crefs=crefs, processes=processes, out=target)
            _FORMS[terms.purpose](use)
            left = use.records["left"]
            work.act("export.made", what=f"standing/{terms.purpose}", digest=target.digest, records=left, files=1)
            target.publish()
        work.end(grant)
    return {**_told(work, left, out), "left_out": len(crefs) - left, "unreadable": use.records["unreadable"]}


def _finished(work: StandingWork, officer: Identity, out: Path) -> dict[str, Any]:
    """A run that was killed after its file had its name is ended; any other file that is there is left alone."""
    made, grant = work.recorded("export.made"), kept_grant(work)
    asker = (officer.name, officer.key) == (work.terms.actor, work.terms.key)
    if not (asker and made and grant and out.is_file() and digest_of(out) == made.entry.fields["digest"]):
        raise exists(out)
    with work.running("access"):
        work.end(grant)
    return _told(work, made.entry.fields["records"], out)


def _told(work: StandingWork, left: int, out: Path) -> dict[str, Any]:
    return {"purpose": work.terms.purpose, "form": work.terms.form, "conversations": left, "file": str(out)}


# --- opening --------------------------------------------------------------------------------------------------------------


def _opened(use: Use, step: Step, schema: pa.Schema) -> list[pa.RecordBatch]:
    """*step* over everything listed that the policies release; results that are not counts are sealed."""
    from incamera.engine.local import LocalRunner

    use.work.watch.stage("open", len(use.crefs))
    fragments = use.home.vault.fragments(use.crefs, rows=FRAGMENT_ROWS)
    within = use.home.vault.within(use.grant, step)
    if use.terms.bounds.about == "sample":
        within = disclosing.Tolerant(step=within)
    processes = use.processes if len(fragments) > FEW_FRAGMENTS else 0
    with LocalRunner(processes, work=use.work.path / "opened", progress=use.work.watch.advance) as runner:
        return list(runner.map(within, fragments, schema=schema))


def _unsealed(use: Use, sealed: Sequence[pa.RecordBatch]) -> Iterator[tuple[bytes, bytes]]:
    """(reference, result) of whatever the policies still release, a fragment at a time."""
    use.work.watch.stage("write")
    for batch in sealed:
        for first in range(0, batch.num_rows, FRAGMENT_ROWS):
            some = batch.slice(first, FRAGMENT_ROWS)
            try:
                released = list(use.home.vault.unseal(use.grant, [some]))
            except Refused as flaw:
                if flaw.code != "vault.denied-by-policy" or use.terms.bounds.about != "sample":
                    raise
                released = []
            for row in (row for one in released for row in one.to_pylist()):
                yield row["cref"], row["result"]


# --- one form after the other -------------------------------------------------------------------------------------------------


def _deidentified(use: Use, line: Callable[[bytes, str], bytes]) -> None:
    from incamera.deid import recipe

    step = disclosing.Redact(recipe=recipe.load(), key=use.home.matter_key(use.work.matter, "surrogates"))
    left = set()
    for cref, result in _unsealed(use, _opened(use, step, EXAMINED)):
        if not result:
            use.records["unreadable"] += 1
            continue
        use.out.write(line(result, use.name_of(cref)))
        left.add(cref.hex())
    use.records["left"] = len(left)
    if use.terms.bounds.about == "sample":
        _enough(use, left)


def _support(use: Use) -> None:
    _deidentified(use, disclosing.support_line)


def _training(use: Use) -> None:
    _deidentified(use, disclosing.training_line)


def _raw(use: Use, *, account: bool) -> None:
    """As received: into the caller's file, or sealed to the person whose it is, so that nobody here reads it."""
    from incamera.production import age

    sealed = _opened(use, disclosing.HandOver(account=account), EXAMINED)
    to = use.terms.recipient
    target = cast(BinaryIO, use.out)
    with age.sealed(target, [to]) if to else nullcontext(target) as stream:
        known = False
        for _, result in _unsealed(use, sealed):
            value = json.loads(result)
            if value["account"] is not None and not known:
                stream.write(_line({"account": value["account"]}))
                known = True
            stream.write(_line({"conversation": value["conversation"]}))
            use.records["left"] += 1


def _safety(use: Use) -> None:
    _raw(use, account=False)


def _person(use: Use) -> None:
    _raw(use, account=True)


def _analytics(use: Use) -> None:
    """Counts over the sample, in cells of at least `PEOPLE_MIN` people; smaller ones are told together, or not at all."""
    counted = _opened(use, disclosing.Count(), disclosing.COUNTED)
    rows = {row["cref"].hex(): row for batch in counted for row in batch.to_pylist()}
    facts = _enough(use, rows)
    of: dict[str, Callable[[Facts], str]] = {
        "month": lambda one: one.month or "unknown",
        "region": lambda one: one.region or "unknown",
        "tier": lambda one: known_tier(one.tier, TIERS) or "unknown",
    }
    told = {
        "v": "incamera/counts/1",
        "conversations": len(facts),
        "people": len({one.subject for one in facts}),
        "people_min": PEOPLE_MIN,
        **{name: sum(row[name] for row in rows.values()) for name in disclosing.COUNTED.names[1:]},
        **{f"by_{name}": cells([(cell(one), one.subject) for one in facts]) for name, cell in of.items()},
    }
    use.out.write(json.dumps(told, indent=2, sort_keys=True).encode() + b"\n")
    use.records["left"] += len(facts)


def _enough(use: Use, left: Container[str]) -> list[Facts]:
    """Facts of what is *left* of a sample. Raises `Refused` (`access.too-few`) where too many withdrew or were erased."""
    facts = [one for one in use.home.vault.facts() if one.cref in left]
    if len({one.subject for one in facts}) < PEOPLE_MIN:
        hint = f"fewer than {PEOPLE_MIN} people are left in the sample: nothing is told of so few"
        raise Refused("access.too-few", hint, where=use.work.matter)
    return facts


def cells(members: Sequence[tuple[str, str]], least: int = PEOPLE_MIN) -> dict[str, int]:
    """Conversations by cell, of (cell, person) pairs, with no cell of fewer than *least* people.

    Small cells are told together as `other`; while these are too few, the smallest of the rest joins them, so that nothing
    follows from the total. Empty where that leaves no cell at all.
    """
    counts = Counter(cell for cell, _ in members)
    people: dict[str, set[str]] = {}
    for cell, person in members:
        people.setdefault(cell, set()).add(person)
    kept = sorted(counts, key=lambda cell: (len(people[cell]), cell))
    folded: set[str] = set()
    gathered = 0
    while kept and (len(people[kept[0]]) < least or 0 < len(folded) < least):
        cell = kept.pop(0)
        folded |= people[cell]
        gathered += counts[cell]
    if 0 < len(folded) < least:
        return {}
    return {cell: counts[cell] for cell in sorted(kept)} | ({OTHER: gathered} if gathered else {})


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


_FORMS: Final[dict[str, Callable[[Use], None]]] = {
    "support": _support,
    "training": _training,
    "analytics": _analytics,
    "safety_escalation": _safety,
    "data_subject_request": _person,
}
