"""Is this conversation in the frame? With proof, excluded by which rule, or unknown to the frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from incamera.core.ids import Ref
from incamera.sampling.draw import Draw
from incamera.sampling.frame import Frame, RowMap
from incamera_verify import draw as arithmetic
from incamera_verify import merkle


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the frame says of one conversation.

    `in-frame` comes with row, stratum, index and inclusion path to the committed root, and whether it was drawn; `excluded`
    with the first rule that excluded it; `unknown` was not in the vault when the frame was built.
    """

    cref: Ref
    status: Literal["in-frame", "excluded", "unknown"]
    rule: str | None = None
    row: Ref | None = None
    stratum: str | None = None
    index: int | None = None
    path: tuple[str, ...] = ()
    drawn: bool | None = None


def check(crefs: Iterable[Ref], *, frame: Frame, row_map: RowMap, draw: Draw | None = None) -> Iterator[Answer]:
    """Answer for each conversation, in the order asked.

    Args:
        crefs: Vault references; the clerk looks source ids up first.
        draw: If made, whether each row was drawn is told too.
    Privacy: the answer ties a conversation to its row; it is for the holder, or for the person concerned.
    Cost: one pass over the frame, then log2(rows) hashes an answer.
    """
    places = {row.row: (index, row.stratum) for index, row in enumerate(frame.rows)}
    tree = merkle.Tree(merkle.leaf_hash(arithmetic.leaf(*row)) for row in frame.rows)
    chosen = {row.row for row in draw.rows} if draw is not None else None
    for cref in crefs:
        row = row_map.rows.get(cref)
        if row is None:
            rule = row_map.excluded.get(cref)
            yield Answer(cref=cref, status="excluded" if rule else "unknown", rule=rule)
            continue
        index, stratum = places[row]
        yield Answer(
            cref=cref,
            status="in-frame",
            row=row,
            stratum=stratum,
            index=index,
            path=tuple(step.hex() for step in tree.inclusion_path(index)),
            drawn=None if chosen is None else row in chosen,
        )
