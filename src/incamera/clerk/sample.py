"""Frame, seeds, draw: the root is in a checkpoint before any seed is accepted, and everything after follows from both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from incamera.clerk import carried, jsonl
from incamera.clerk.clock import SystemClock
from incamera.clerk.desk import Desk
from incamera.clerk.home import Home, write_atomically
from incamera.core.canon import canonical
from incamera.core.errors import Awaiting, Malformed, Refused
from incamera.core.facts import CUSTODY, FactsLike
from incamera.core.ids import Digest, Ref, digest, new_ref
from incamera.governance import keys
from incamera.governance import order as orders
from incamera.sampling import check as checking
from incamera.sampling import draw as drawing
from incamera.sampling import files, frame, seed, size
from incamera.sampling.draw import Draw
from incamera.sampling.frame import Frame, RowMap
from incamera.vault import envelope
from incamera.vault.facts import Facts

FRAME, MAP, DRAW, REVEALS = "frame.jsonl.gz", "frame.map", "draw.jsonl", "reveals"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Committed:
    """A frame in a checkpoint, and the holder's own map of its rows."""

    frame: Frame
    map: RowMap


def commit_frame(desk: Desk, rows: Path | None = None) -> Committed:
    """Build the frame of the order over the vault and put its root into a checkpoint; once.

    Args:
        rows: Row ids of an earlier frame over the same logs, as `sample check --json` tells them: with these a neutral's
            fresh home comes to the same root, so that the same reveals give the same draw. Random ids otherwise.

    The row map is written first and the ledger last: a run killed in between starts the frame anew, with new row ids,
    unless the root is in the ledger already.

    Raises:
        Refused: `sample.lacking-field`, a rule needs a field that a source lacks.
    """
    path = desk.path / FRAME
    if desk.done("frame") is None:
        desk.watch.stage("frame")
        classes = _fresh(desk, path, rows) if desk.recorded("frame.committed") is None else {}
        built = files.read_frame(path)
        facts = {
            "root": built.root,
            "size": len(built.rows),
            "population": built.population,
            "excluded": sum(built.excluded.values()),
            "exclusions": digest(canonical(dict(built.excluded))),
            "strata": len(built.strata),
            "file": digest(path.read_bytes()),
            "protocol": desk.order.protocol,
            "commitments": sorted(c.commitment for c in desk.order.sample.commitments),
            **classes,
        }
        desk.once("frame.committed", key=("root",), **facts)
        desk.finish("frame", {name: facts[name] for name in ("root", "size", "population", "excluded")})
    return Committed(frame=files.read_frame(path), map=_read_map(desk))


def _fresh(desk: Desk, path: Path, given: Path | None) -> dict[str, int]:
    """Write frame and row map; returns the rows by their class of custody."""
    told = carried.read(desk.home)
    closed: dict[Ref, str] = {}

    def noted() -> Iterator[Facts]:
        for facts in desk.home.vault.facts():
            if facts.custody != CUSTODY[0]:
                closed[facts.cref] = facts.custody
            yield facts

    built, rows = frame.build(
        noted(),
        desk.order.frame,
        stratified_by=desk.order.sample.strata,
        lacks=told.lacks,
        tiers=carried.tiers(desk),
        row_id=_row_ids(desk, given),
    )
    if not built.rows:
        raise Refused("sample.empty-frame", "the order's rules leave no conversation in the frame", where="frame")
    path.unlink(missing_ok=True)
    key = desk.home.matter_key(desk.matter, "row-map")
    write_atomically(desk.path / MAP, envelope.seal(key, b"".join(rows.lines()), _aad(desk.matter)), mode=0o600)
    files.write_frame(path, built)
    return dict.fromkeys(CUSTODY, 0) | Counter(closed.get(cref, CUSTODY[0]) for cref in rows.rows)


def _row_ids(desk: Desk, given: Path | None) -> Callable[[FactsLike], str]:
    """Random, unless rows are given, or the order extends an earlier draw: then each conversation keeps its row."""
    if desk.order.sample.extends is not None:
        earlier = RowMap.parse(_open_map(desk, _extended(desk)).splitlines(keepends=True)).rows
        return lambda facts: earlier.get(Ref(facts.cref)) or new_ref()
    return _known_rows(desk, given) if given else lambda _: new_ref()


def _extended(desk: Desk) -> str:
    """The matter of this home whose draw the order extends, by the digest of its draw file.

    Raises:
        Refused: `sample.unknown-draw`.
    """
    for path in sorted((desk.home.path / "matters").glob(f"*/{DRAW}")):
        if digest(path.read_bytes()) == desk.order.sample.extends:
            return path.parent.name
    raise Refused("sample.unknown-draw", "no matter of this home made the draw that the order extends", where="sample.extends")


def _known_rows(desk: Desk, path: Path) -> Callable[[FactsLike], str]:
    """Row ids by vault reference, from lines `{"id", "row", "source"?}`; a conversation without one gets a random id."""
    known: dict[str, str] = {}
    for number, line in jsonl.read(path):
        if not isinstance(line.get("id"), str):
            raise Malformed("sample.bad-rows", "expected lines with id and row", where=f"{path}:{number}")
        if not isinstance(line.get("row"), str):
            continue  # excluded from the earlier frame, or unknown to it
        ref = desk.home.vault.lookup([line["id"]], source=line.get("source"))[line["id"]]
        if ref is not None:
            known[ref] = line["row"]
    return lambda facts: known.get(facts.cref) or new_ref()


def _read_map(desk: Desk) -> RowMap:
    return RowMap.parse(_open_map(desk, desk.matter).splitlines(keepends=True))


def _open_map(desk: Desk, matter: str) -> bytes:
    sealed = (desk.home.matter_path(matter) / MAP).read_bytes()
    return envelope.unseal(desk.home.matter_key(matter, "row-map"), sealed, _aad(matter), where=MAP)


def _aad(matter: str) -> bytes:
    return envelope.fields(b"incamera/row-map/1", matter.encode())


# --- seeds -----------------------------------------------------------------------------------------------------------


def accept_reveals(desk: Desk, root: Digest, paths: Iterable[Path]) -> list[seed.Revealed]:
    """Take in reveal files, each into the ledger; returns every reveal accepted so far.

    Raises:
        Refused: `sample.foreign-reveal`, `sample.unknown-party`, `sample.second-reveal`. Unverified: `sample.wrong-seed`.
    """
    terms = desk.order.sample
    kept = desk.path / REVEALS
    for path in paths:
        shown = seed.accept(
            files.read_small(path),
            commitments=terms.commitments,
            matter=desk.matter,
            order=desk.order.digest,
            frame=root,
            where=path.name,
        )
        place = kept / f"{shown.party}.json"
        if place.exists() and place.read_bytes() != shown.data:
            raise Refused("sample.second-reveal", "this party has revealed already", where=path.name)
        write_atomically(place, shown.data)
    accepted = [
        seed.accept(
            place.read_bytes(),
            commitments=terms.commitments,
            matter=desk.matter,
            order=desk.order.digest,
            frame=root,
            where=place.name,
        )
        for place in sorted(kept.glob("*.json"))
    ]
    for one in accepted:
        desk.once("seed.revealed", key=("party",), party=one.party, commitment=one.commitment, reveal=one.reveal, frame=root)
    return accepted


def make_draw(desk: Desk, committed: Committed, reveals: Sequence[Path], without: Sequence[str]) -> Draw:
    """The draw that frame and seeds determine; once.

    Raises:
        Awaiting: `sample.awaiting-reveal`, naming the parties and the root they must name.
        Refused: `sample.no-fallback`, `sample.too-large`, `sample.not-nested`.
    """
    terms, root = desk.order.sample, committed.frame.root
    path = desk.path / DRAW
    if desk.done("draw") is not None:
        return files.read_draw(path)
    desk.watch.stage("draw")
    accepted = accept_reveals(desk, root, reveals)
    try:
        seeds = seed.gather(accepted, commitments=terms.commitments, fallback=terms.fallback, without=without)
    except Awaiting as flaw:
        hint = f"{flaw.hint}; the frame is committed under root {root}: reveal with `incamera sample reveal`"
        raise Awaiting(flaw.code, hint, where=desk.matter) from None
    for party in without:
        commitment = next(c.commitment for c in terms.commitments if c.party == party)
        desk.once("seed.fallback", key=("party",), party=party, commitment=commitment, rule=terms.fallback, frame=root)
    made = drawing.make(
        committed.frame,
        seeds,
        terms.size,
        matter=desk.matter,
        order=desk.order.digest,
        commitments=terms.commitments,
        extends=Digest(terms.extends) if terms.extends else None,
    )
    if terms.extends is not None:
        earlier = desk.home.matter_path(_extended(desk)) / DRAW
        drawing.check_extends(made, earlier.read_bytes(), extends=terms.extends)
    if not path.exists():
        files.write_draw(path, made)
    desk.once(
        "draw.made",
        key=("file",),
        frame=root,
        size=len(made.rows),
        root=made.root,
        seeds=[one.reveal for one in accepted],
        strata=sum(1 for drawn, _ in made.places.values() if drawn),
        file=made.digest,
        extends=made.header.get("extends"),
        **_by_custody(desk, drawn_refs(made, committed.map).values()),
    )
    desk.finish("draw", {"size": len(made.rows), "file": made.digest, "empty_strata": len(made.empty_strata)})
    return made


def _by_custody(desk: Desk, drawn: Iterable[Ref]) -> dict[str, int]:
    """How many of *drawn* are of each class of custody; those that were shredded since are of none."""
    asked = set(drawn)
    counts: Counter[str] = Counter(facts.custody for facts in desk.home.vault.facts() if facts.cref in asked)
    return dict.fromkeys(CUSTODY, 0) | counts


def revealed(desk: Desk) -> dict[str, bytes]:
    """The accepted reveal files by party, as they go into the volume."""
    return {path.stem: path.read_bytes() for path in sorted((desk.path / REVEALS).glob("*.json"))}


# --- a party's own side ------------------------------------------------------------------------------------------------


def new_seed(out: Path, party: str) -> dict[str, Any]:
    """Make a party's seed file, to be kept until the reveal; its commitment goes into the order."""
    made = seed.new_seed(party)
    files.write_seed(out, made)
    return {"party": party, "commitment": made.commitment, "file": str(out)}


def commitment_of(seed_file: Path) -> str:
    """What a seed file's commitment is, for the order."""
    return files.read_seed(seed_file).commitment


def reveal(seed_file: Path, key: Path, order_path: Path, root: str, out: Path, passphrase: bytes | None) -> dict[str, Any]:
    """Sign a party's reveal over the committed frame root.

    Raises:
        Malformed: `sample.bad-root`.
    """
    if len(root) != 64 or set(root) - set("0123456789abcdef"):
        raise Malformed("sample.bad-root", "expected the frame's root: 64 hex digits in lower case", where="--frame-root")
    order = orders.load(order_path)
    data = seed.reveal(
        files.read_seed(seed_file),
        keys.load_private(key, passphrase),
        matter=order.matter.id,
        order=order.digest,
        frame=Digest(root),
    )
    files.write_reveal(out, data)
    return {"matter": order.matter.id, "frame_root": root, "file": str(out), "at": SystemClock().now().isoformat()}


def ids_of(given: Sequence[str], file: Path | None) -> list[str]:
    """Ids of the command line, then those of a file, one a line."""
    if file is None:
        return list(given)
    if not file.is_file():
        raise Malformed("files.not-a-file", "expected a file with one id a line", where=str(file))
    return [*given, *(line for line in file.read_text("utf-8").splitlines() if line)]


def check(home: Home, order_path: Path, ids: Sequence[str], source: str | None) -> list[dict[str, Any]]:
    """For source ids: in the frame with proof, excluded by which rule, or unknown. For the holder and the person concerned.

    Raises:
        Refused: `sample.no-frame`, no frame is committed yet.
    """
    desk = Desk(home=home, order=orders.load(order_path))
    if desk.done("frame") is None:
        raise Refused("sample.no-frame", "no frame is committed for this order yet", where=desk.matter)
    committed = Committed(frame=files.read_frame(desk.path / FRAME), map=_read_map(desk))
    made = files.read_draw(desk.path / DRAW) if desk.done("draw") is not None else None
    found = home.vault.lookup(ids, source=source)
    answers = checking.check([ref for ref in found.values() if ref], frame=committed.frame, row_map=committed.map, draw=made)
    by_ref = {answer.cref: answer for answer in answers}
    return [_answer(name, by_ref.get(ref) if ref else None, committed.frame.root) for name, ref in found.items()]


def _answer(name: str, answer: checking.Answer | None, root: str) -> dict[str, Any]:
    if answer is None:
        return {"id": name, "status": "unknown"}
    return {
        "id": name,
        "status": answer.status,
        "rule": answer.rule,
        "row": answer.row,
        "stratum": answer.stratum,
        "drawn": answer.drawn,
        "index": answer.index,
        "path": list(answer.path),
        "root": root,
    }


def sizes(population: int, prevalence: float) -> list[dict[str, Any]]:
    """Precision bought against people exposed, at a one-two-five ladder of sizes; every conversation its own person."""
    ladder = sorted({min(population, step * 10**power) for power in range(2, 10) for step in (1, 2, 5)})
    return [
        asdict(row)
        for row in size.tradeoffs(ladder, prevalence=prevalence, conversations={1: population})
        if row.size <= population
    ]


def drawn_of(desk: Desk) -> dict[Ref, Ref]:
    """Row id -> vault reference of the matter's draw, as it was made.

    Raises:
        Refused: `sample.no-draw`, nothing is drawn for this order yet.
    """
    if desk.done("draw") is None:
        raise Refused("sample.no-draw", "nothing is drawn for this order yet", where=desk.matter)
    return drawn_refs(files.read_draw(desk.path / DRAW), _read_map(desk))


def drawn_refs(made: Draw, rows: RowMap) -> dict[Ref, Ref]:
    """Row id -> vault reference of every drawn row, in rank order."""
    by_row = {row: cref for cref, row in rows.rows.items()}
    return {Ref(drawn.row): by_row[Ref(drawn.row)] for drawn in made.rows}
