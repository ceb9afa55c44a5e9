"""The examination of a draw: the vault opens each drawn conversation once, under the grant, in the engine's workers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from incamera.clerk import canaries, works
from incamera.clerk import vocabulary as kept
from incamera.clerk.desk import Desk
from incamera.clerk.examine import MatchThenRedact, Outcome
from incamera.core.batch import EXAMINED
from incamera.core.canon import unpack
from incamera.core.errors import Refused
from incamera.core.ids import Digest, Ref
from incamera.core.records import Grant
from incamera.deid import adapters, utility
from incamera.deid import recipe as recipes
from incamera.deid import vocabulary as common
from incamera.deid.recipe import Recipe
from incamera.deid.utility import Contract
from incamera.engine.local import LocalRunner
from incamera.vault.register import Derived, Reach

#: Conversations under one key release and in one engine fragment: small enough to resume cheaply and to show progress.
FRAGMENT_ROWS = 256
#: Results opened at a time while decisions are made and items are rendered.
WINDOW = 128


@dataclass(frozen=True, kw_only=True, repr=False)
class Results:
    """Sealed results of an examination, on disk; any of them can be opened again under a grant of the matter."""

    desk: Desk
    grant: Grant
    table: pa.Table
    places: Mapping[bytes, int]
    recipe: Recipe

    def __repr__(self) -> str:
        return f"<Results {len(self.places)}>"

    def open(self, crefs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        """The outcomes of *crefs*, in that order, a window at a time; what was not opened, or is shredded since, has none."""
        examined = [cref for one in crefs if (cref := bytes.fromhex(one)) in self.places]
        for first in range(0, len(examined), WINDOW):
            wanted = examined[first : first + WINDOW]
            rows = self.table.take(pa.array([self.places[cref] for cref in wanted]))
            opened = self.desk.home.vault.unseal(self.grant, rows.to_batches())
            found = {row["cref"]: unpack(row["result"], Outcome) for batch in opened for row in batch.to_pylist()}
            for cref in wanted:
                if cref in found:
                    yield Ref(cref.hex()), found[cref]


def examine(desk: Desk, grant: Grant, crefs: Sequence[Ref], *, processes: int, detectors: Sequence[str] = ()) -> Results:
    """Open, search and redact every drawn conversation; what is finished already is taken from the matter's shelf.

    Privacy: plaintext exists in workers only; what reaches disk is sealed under each conversation's own key.
    """
    order, home = desk.order, desk.home
    done = desk.done("examined")
    index = desk.done("works")
    assert index is not None
    started = time.perf_counter(), time.process_time()
    chosen = _recipe(desk, detectors)
    vocabulary = _vocabulary(desk, grant, crefs, processes=processes)
    if vocabulary is not None:
        chosen = chosen.with_(vocabulary=vocabulary[1])
    step = MatchThenRedact(
        index=str(works.index_path(desk)),
        index_digest=index["index"],
        vocabulary=str(vocabulary[0]) if vocabulary else None,
        key=works.index_key(desk),
        surrogate_key=home.matter_key(desk.matter, "surrogates"),
        recipe=chosen,
        min_words=order.matching.min_words,
        protect_words=order.matching.protect_words,
        min_run=order.responsive.min_run,
        contract=contract(desk),
        detectors=tuple(detectors),
    )
    _register(desk)
    desk.watch.stage("match and de-identify", len(crefs))
    shelf = desk.path / "examined"
    path = desk.path / "examined.arrow"
    with LocalRunner(processes, work=shelf, progress=desk.watch.advance) as runner:
        fragments = home.vault.fragments(crefs, rows=FRAGMENT_ROWS)
        _keep(path, runner.map(home.vault.within(grant, canaries.blind(desk, step, crefs)), fragments, schema=EXAMINED))
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    places = {cref: place for place, cref in enumerate(table["cref"].to_pylist())}
    if done is None:
        desk.finish(
            "examined",
            {
                "recipe": chosen.digest(),
                "index": index["index"],
                "conversations": len(places),
                "wall_ms": round(1000 * (time.perf_counter() - started[0])),
                "processes": processes,
            },
        )
    return Results(desk=desk, grant=grant, table=table, places=places, recipe=chosen)


def _register(desk: Desk) -> None:
    """What an examination derives from conversations, said before it is made, and how far a shred reaches into it."""
    matter, register = desk.matter, desk.home.vault.register
    entries: tuple[tuple[str, str, Reach, str, str], ...] = (
        ("examined", "working set", "dies-with-key", "conversation key / working set of the matter", "redacted text and matches"),
        (
            "vocabulary",
            "word list",
            "ages-out",
            "matter key 'works'",
            "words of at least k subjects; made anew with the next draw",
        ),
        (
            "repeated text",
            "memory of a worker",
            "ages-out",
            "a key of the worker process, kept nowhere",
            "keyed hashes of texts and offsets into them, no text; gone when the worker ends",
        ),
    )
    for name, kind, reach, key_path, note in entries:
        register.add(Derived(name=f"{matter}: {name}", kind=kind, reach=reach, key_path=key_path, note=note))


def _keep(path: Path, batches: Any) -> None:
    """One file over all fragments, for reading in rank order without holding it in memory. Sealed rows only."""
    beside = path.with_name(f".{path.name}")
    with pa.OSFile(str(beside), "wb") as out, pa.ipc.new_file(out, EXAMINED) as writer:
        for batch in batches:
            writer.write_batch(batch)
    beside.replace(path)


def contract(desk: Desk) -> Contract | None:
    """The utility contract that the order names.

    Raises:
        Malformed: `deid.not-a-contract`, `deid.telling-contract`.
    """
    text = desk.order.deidentification.utility
    return utility.loads(text, where="deidentification.utility") if text is not None else None


def _recipe(desk: Desk, detectors: Sequence[str]) -> Recipe:
    """The order's recipe, naming the further detectors by version and weights.

    Raises:
        Refused: `answer.detectors-differ`, those given are not those that the order names.
        Malformed, Unavailable: `deid.*`, a detector cannot be opened.
    """
    terms = desk.order.deidentification
    named = [one.partition("=")[0] for one in detectors]
    if sorted(named) != sorted(terms.detectors):
        hint = f"the order names {', '.join(terms.detectors) or 'none'}; give each once with --detector NAME=PATH"
        raise Refused("answer.detectors-differ", hint, where="deidentification.detectors")
    return recipes.load(terms.recipe).with_(
        detectors=tuple(map(adapters.identity, adapters.opened(detectors))),
        surrogates=terms.surrogates,
        linkage=terms.linkage,
        k=terms.k,
        protect_words=desk.order.matching.protect_words,
    )


def _vocabulary(desk: Desk, grant: Grant, crefs: Sequence[Ref], *, processes: int) -> tuple[Path, Digest] | None:
    """Words that at least k subjects of the draw use; off, and said so, where the draw has too few subjects."""
    home, k = desk.home, desk.order.deidentification.k
    before = desk.done("vocabulary")
    path = desk.path / "vocabulary.sealed"
    if before is not None:
        return (path, Digest(before["vocabulary"])) if before["on"] else None
    wanted = set(crefs)
    subjects = len({facts.subject for facts in home.vault.facts() if facts.cref in wanted})
    if subjects < common.MIN_SUBJECTS:
        desk.watch.note(
            f"vocabulary of the draw: off, {subjects} subjects are fewer than {common.MIN_SUBJECTS}; "
            "the shipped vocabulary decides alone"
        )
        desk.finish("vocabulary", {"on": False, "subjects": subjects})
        return None
    desk.watch.stage("vocabulary of the draw")
    key = home.matter_key(desk.matter, "vocabulary")
    fragments = home.vault.fragments(crefs, rows=FRAGMENT_ROWS)
    with LocalRunner(processes, work=desk.path / "vocabulary") as runner:
        uses = list(runner.map(home.vault.within(grant, common.HashedUses(key=key)), fragments, schema=common.USES))
        counted = runner.group(common.count, [_Batches("uses", uses)], by="token", schema=common.COUNTS)
        frequent = {
            token: n
            for batch in counted
            for token, n in zip(batch["token"].to_pylist(), batch["subjects"].to_pylist(), strict=True)
            if n >= k
        }
        seal = works.index_key(desk)
        words = kept.SealedWords(inner=common.CommonWords(key=key, common=frequent), key=seal)
        sealed = runner.map(home.vault.within(grant, words, clear=("words",)), fragments, schema=kept.SEALED_WORDS)
        frozen = common.freeze(kept.opened(sealed, seal), k=k, subjects=subjects)
    kept.write(path, frozen, seal)
    desk.once(
        "vocabulary.built", key=("vocabulary",), vocabulary=frozen.digest(), k=k, subjects=subjects, tokens=len(frozen.words)
    )
    desk.finish("vocabulary", {"on": True, "subjects": subjects, "words": len(frozen.words), "vocabulary": frozen.digest()})
    return path, frozen.digest()


@dataclass(frozen=True, slots=True)
class _Batches:
    """Batches in memory as one fragment of a source."""

    id: str
    batches: Sequence[pa.RecordBatch]

    def read(self) -> Iterator[pa.RecordBatch]:
        yield from self.batches
