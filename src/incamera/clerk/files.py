"""File mode: de-identification over JSON Lines, without a vault, and single texts. Formats: DESIGN section 7, `docs/formats/`.

Whoever runs this holds the text already: nothing is sealed, nothing is recorded. What leaves a vault goes another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from incamera.clerk import jsonl
from incamera.clerk.jsonl import Row
from incamera.clerk.watch import Watcher
from incamera.core.errors import Error, Malformed
from incamera.core.records import Account, Conversation, Match, Part, Turn, Work

if TYPE_CHECKING:
    from incamera.deid.adapters import Detector
    from incamera.deid.recipe import Recipe

Verb = Literal["find", "apply"]


def deid(
    verb: Verb,
    source: Path,
    out: Path,
    *,
    recipe: str,
    accounts: Path | None,
    processes: int,
    watch: Watcher,
    detectors: Sequence[str] = (),
) -> dict[str, Any]:
    """`find`: what looks identifying in each record, a line each. `apply`: the records with the same spans replaced."""
    detectors = tuple(detectors)
    chosen, _ = _recipe(recipe, detectors)
    watch.stage(f"deid {verb}")
    work = partial(_deid_chunk, verb, str(source), recipe, str(accounts) if accounts else None, detectors)
    records = spans = 0
    with jsonl.writing(out) as write:
        for row in jsonl.mapped(work, jsonl.read(source), processes):
            write(row)
            records += 1
            spans += len(row.get("findings") or row.get("surrogates") or ())
            watch.advance()
    return {"records": records, "spans": spans, "recipe": recipe, "recipe_digest": chosen.digest(), "out": str(out)}


def _recipe(name: str, detectors: tuple[str, ...]) -> tuple[Recipe, list[Detector]]:
    """The shipped recipe *name*, naming the further detectors (`NAME` or `NAME=PATH`), and these, open."""
    from incamera.deid.adapters import identity, opened
    from incamera.deid.recipe import load

    asked = opened(detectors)
    return load(name).with_(detectors=tuple(map(identity, asked))), asked


def _deid_chunk(
    verb: Verb, source: str, recipe: str, accounts: str | None, detectors: tuple[str, ...], rows: list[tuple[int, Row]]
) -> list[Row]:
    """A chunk in one batch; with accounts, or to name the line of a flawed record, one record after another."""
    from incamera.deid import interchange

    chosen, asked = _recipe(recipe, detectors)
    if accounts is None:
        many = interchange.find_records if verb == "find" else interchange.apply_records
        with suppress(Malformed):
            return list(many([row for _, row in rows], recipe=chosen, batch=len(rows), detectors=asked))
    one = interchange.find_record if verb == "find" else interchange.apply_record
    known = _accounts(accounts)
    done = []
    for number, row in rows:
        try:
            done.append(one(row, recipe=chosen, account=known.get(str(row.get("subject", ""))), detectors=asked))
        except Error as flaw:
            raise type(flaw)(flaw.code, flaw.hint, where=f"{source}:{number}") from None
    return done


def find_chunk(source: str, recipe: str, rows: list[tuple[int, Row]]) -> list[Row]:
    """`deid find` over some lines, for whoever needs the findings and no file of them."""
    return _deid_chunk("find", source, recipe, None, (), rows)


@lru_cache(maxsize=1)
def _accounts(path: str | None) -> dict[str, Account]:
    if path is None:
        return {}
    from incamera.ingest.files import load_accounts

    return {account.subject: account for account in load_accounts(Path(path))}


def deid_compare(raw: Path, redacted: Path, *, contract: Path | None, out: Path | None, watch: Watcher) -> dict[str, Any]:
    """How far the statistics of a utility contract were bent: *raw* beside *redacted*, record by record.

    Raises:
        Malformed: `deid.pair-mismatch`, the files do not hold the same records in the same order; `deid.not-a-record`.
    """
    from incamera.deid import utility

    terms = utility.load(contract) if contract else utility.Contract()
    compared = utility.Comparison(terms)
    watch.stage("deid compare")
    for one, other in zip_longest(jsonl.read(raw), jsonl.read(redacted)):
        if one is None or other is None or one[1].get("id") != other[1].get("id"):
            where = f"{redacted}:{other[0]}" if other else f"{raw}:{one[0]}" if one else str(raw)
            raise Malformed("deid.pair-mismatch", "both files must hold the same ids in the same order", where=where)
        before, after = _texts(one, raw), _texts(other, redacted)
        if len(before) != len(after):
            raise Malformed("deid.pair-mismatch", "this record has another number of turns", where=f"{redacted}:{other[0]}")
        compared.add(utility.measure(before, terms), utility.measure(after, terms))
        watch.advance()
    report = compared.report()
    if out is not None:
        with jsonl.writing(out) as write:
            write(report)
    return report


def _texts(row: tuple[int, Row], path: Path) -> list[str]:
    """The texts of a document or of a conversation's turns."""
    number, record = row
    turns = record.get("turns", [record])
    if not isinstance(turns, list) or not all(isinstance(t, dict) and isinstance(t.get("text"), str) for t in turns):
        raise Malformed("deid.not-a-record", "expected 'text' (a string) or 'turns' (a list)", where=f"{path}:{number}")
    return [turn["text"] for turn in turns]


# --- one text ------------------------------------------------------------------------------------------------------------


def redact_text(text: str) -> str:
    """One text under the default recipe."""
    from incamera.deid.apply import redact_text as redacted

    return redacted(text)


def match_text(text: str, works: Iterable[Work | Mapping[str, str]], *, min_words: int) -> list[Match]:
    """One text against a few works, indexed in memory."""
    from incamera.clerk.works import work_of
    from incamera.matching.index import Index
    from incamera.matching.scan import scan

    given = [w if isinstance(w, Work) else work_of(w, where=f"works[{n}]") for n, w in enumerate(works)]
    turn = Turn(index=0, role="assistant", parts=(Part(kind="text", path="text", text=text),))
    conversation = Conversation(id="text", subject="", source="text", turns=(turn,))
    return scan(conversation, Index.of(given, min_words=min_words))
