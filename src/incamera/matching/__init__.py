"""Which stretches of which claimed works stand in a conversation: complete above a declared threshold, exact on both sides.

`index` builds and opens, `scan` searches, `elicitation` and `commonness` label, `passages` chains, `near` looks for reworded
text, `report` counts. `match` is the whole of it for one text and a few works.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from incamera.core.records import Conversation, Match, Part, Turn, Work

__all__ = ["match"]


def match(text: str, works: Iterable[Work | Mapping[str, Any] | str], *, min_words: int = 8) -> list[Match]:
    """Every run of at least *min_words* words that *text* shares with one of *works*.

    Args:
        works: Texts; or Works; or mappings with `text` and optionally `work_id`, `title`, `owner`, `published`, `url`. A work
            without an id is named by its number, from 0.

    Returns:
        Matches with half-open code points in *text* (turn 0, part 0) and in the work.

    Raises:
        Malformed: `matching.no-works`, none of the works could be indexed. Refused: `matching.threshold`.
    """
    from incamera.matching.index import Index
    from incamera.matching.scan import scan

    index = Index.of((_work(number, work) for number, work in enumerate(works)), min_words=min_words)
    turn = Turn(index=0, role="assistant", parts=(Part(kind="text", path="", text=text),))
    return scan(Conversation(id="0", subject="", source="", turns=(turn,)), index)


def _work(number: int, given: Work | Mapping[str, Any] | str) -> Work:
    if isinstance(given, Work):
        return given
    if isinstance(given, str):
        return Work(work_id=str(number), text=given)
    known = {name: str(given[name]) for name in ("title", "owner", "published", "url") if given.get(name) is not None}
    return Work(work_id=str(given.get("work_id", number)), text=str(given["text"]), **known)
