"""Makes works and conversations of invented text, and searches them by brute force: the reference for everything here."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from incamera.core.records import Conversation, Flags, Part, Turn, Work
from incamera.text import tokens

SYLLABLES = ["ba", "de", "fi", "go", "lu", "mar", "nes", "pol", "rin", "sto", "tul", "ven", "wick", "yar", "zem"]


def word(rng: random.Random) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.choice([1, 1, 2, 2, 3])))


def prose(seed: int | str, words: int) -> str:
    """Invented prose: little words repeat, sentences end, no language's text."""
    rng = random.Random(seed)
    small = ["the", "of", "and", "to", "in", "a", "that", "it"]
    out, left = [], 0
    for _ in range(words):
        w = rng.choice(small) if rng.random() < 0.4 else word(rng)
        if left == 0:
            w, left = w.capitalize(), rng.randint(7, 16)
        left -= 1
        out.append(w + ("." if left == 0 else "," if rng.random() < 0.05 else ""))
    return " ".join(out)


def work(work_id: str, text: str, **extra: str) -> Work:
    return Work(work_id=work_id, text=text, **extra)


def conversation(
    *turns: tuple[str, str] | tuple[str, str, str], id: str = "c1", party: bool = False, header: Sequence[str] = (), **extra: Any
) -> Conversation:
    """(role, text) or (role, text, part kind) a turn."""
    return Conversation(
        id=id,
        subject="s1",
        source="test",
        header=tuple(Part(kind="extra", path=f"h{i}", text=text) for i, text in enumerate(header)),
        turns=tuple(
            Turn(index=i, role=t[0], parts=(Part(kind=t[2] if len(t) > 2 else "text", path="", text=t[1]),))  # type: ignore[arg-type]
            for i, t in enumerate(turns)
        ),
        flags=Flags(party_account=party),
        **extra,
    )


def cut(text: str, first: int, count: int) -> str:
    """Words first to first + count of *text*, as they stand there."""
    found = tokens.words(text)
    return text[found[first][1] : found[first + count - 1][2]]


def brute_force(text: str, works: Sequence[Work], least: int) -> list[tuple[str, int, int, int, int, int]]:
    """(work_id, start, end, work_start, work_end, words) of every maximal common run, by comparing every pair of places."""
    here = tokens.words(text)
    out = []
    for w in works:
        there = tokens.words(w.text)
        places: dict[str, list[int]] = {}
        for j, (spelled, _, _) in enumerate(there):
            places.setdefault(spelled, []).append(j)
        for i, (spelled, _, _) in enumerate(here):
            for j in places.get(spelled, ()):
                if i and j and here[i - 1][0] == there[j - 1][0]:
                    continue
                n = 1
                while i + n < len(here) and j + n < len(there) and here[i + n][0] == there[j + n][0]:
                    n += 1
                if n >= least:
                    out.append((w.work_id, here[i][1], here[i + n - 1][2], there[j][1], there[j + n - 1][2], n))
    return sorted(out)
