"""incamera answers a demand for private AI conversations with the least exposure and the most proof.

Three lines are enough for a start:

    from incamera import redact
    print(redact("Dana Example moved to Port Harmony; write to dana@example.org."))

    from incamera import match
    work = {"work_id": "w1", "text": "The board said that the old ferry would not be mended a fourth time, come what may."}
    print(match("I read that the old ferry would not be mended a fourth time. Why?", [work]))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incamera.core.records import Match, Work

__all__ = ["match", "redact"]


def redact(text: str) -> str:
    """*text* with everything that is not known to be safe replaced by tags, under the default recipe.

    Privacy: nothing is stored or sent. What the recipe misses stays: see `docs/limitations.md`.
    Cost: the first call of a process reads the word lists, some seconds; then about a megabyte in a few seconds.
    """
    from incamera.clerk.files import redact_text

    return redact_text(text)


def match(text: str, works: Iterable[Work | Mapping[str, str]], *, min_words: int = 8) -> list[Match]:
    """Every maximal exact run of at least *min_words* words that *text* shares with a work, spans on both sides.

    Args:
        works: `core.records.Work`, or mappings with `work_id` and `text` (and maybe `title`, `owner`, `url`).

    Raises:
        Malformed: `works.bad-record`, `matching.*`.
    """
    from incamera.clerk.files import match_text

    return match_text(text, works, min_words=min_words)
