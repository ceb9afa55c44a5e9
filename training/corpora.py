"""Training text: six labelled corpora and two unlabelled ones, as tokens with the set of labels that each may have.

A corpus that marks only some types says with its "O" no more than "none of mine": the other types stay allowed. Unlabelled
English (novels, chats) is labelled by its capitals: a word written small is no name, a capital inside a sentence is some name.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from labels import ANY, DATE, DEM, HEALTH, LOC, NAMELIKE, OCC, ORG, OTHER, PERSON, O

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from incamera.deid import names_kernels as kernels

Sequence = tuple[list[str], list[int]]

CLASSES, FOLDS = kernels.tables()
_QUIET = DATE | DEM | OCC | HEALTH

#: For each corpus: what its O allows, and what each of its labels allows. A label that is not listed counts as that O.
CORPORA: dict[str, tuple[str, int, dict[str, int]]] = {
    "btc": ("btc_train.jsonl.gz", O | _QUIET | OTHER, {"PER": PERSON, "ORG": ORG, "LOC": LOC}),
    "wnut17": (
        "wnut17_train.jsonl",
        O | _QUIET,
        {"person": PERSON, "location": LOC, "group": ORG, "corporation": ORG, "product": OTHER, "creative-work": OTHER},
    ),
    "sec": ("sec_filings.jsonl", O | _QUIET | OTHER, {"PER": PERSON, "ORG": ORG, "LOC": LOC, "MISC": OTHER | DEM}),
    "snips": (
        "snips.jsonl.gz",
        O | DATE | DEM,
        {
            "artist": PERSON | ORG,
            "city": LOC,
            "state": LOC,
            "country": LOC,
            "geographic_poi": LOC,
            "poi": LOC,
            "timeRange": DATE,
            "year": DATE,
            "playlist": OTHER | O,
            "playlist_owner": PERSON | O,
            "party_size_description": PERSON | O,
            "movie_name": OTHER,
            "object_name": OTHER,
            "entity_name": OTHER | O,
            "track": OTHER,
            "album": OTHER,
            "restaurant_name": ORG | LOC,
            "location_name": ORG | LOC,
            "service": ORG | OTHER,
            "cuisine": DEM | O,
            "genre": O | DEM,
        },
    ),
    "nlu": (
        "nlu_evaluation.jsonl.gz",
        O | DEM | OCC | HEALTH,
        {
            "person": PERSON,
            "place_name": LOC,
            "business_name": ORG,
            "date": DATE,
            "time": O | DATE,
            "timeofday": O | DATE,
            "artist_name": PERSON | ORG,
            "event_name": O | OTHER | DATE,
            "media_type": O | ORG | OTHER,
            "song_name": OTHER | O,
            "playlist_name": OTHER | O,
            "movie_name": OTHER,
            "radio_name": ORG | OTHER | O,
            "transport_agency": ORG,
            "app_name": ORG | OTHER,
            "game_name": OTHER | O,
            "podcast_name": OTHER | O,
            "audiobook_name": OTHER | O,
            "audiobook_author": PERSON,
            "email_address": OTHER | PERSON,
            "news_topic": ANY,
            "definition_word": ANY,
            "relation": O | DEM,
            "list_name": O | OTHER,
            "time_zone": O | LOC | OTHER,
            "currency_name": O | DEM | OTHER,
            "personal_info": O,
        },
    ),
    "presidio": (
        "presidio_synthetic.jsonl",
        O | DEM | OCC | HEALTH,
        {
            "PERSON": PERSON,
            "ADDRESS": LOC,
            "LOCATION": LOC,
            "ORGANIZATION": ORG,
            "DATE_TIME": DATE,
            "CREDIT_CARD": OTHER,
            "PHONE_NUMBER": OTHER,
            "EMAIL_ADDRESS": OTHER,
            "US_SSN": OTHER,
            "IBAN_CODE": OTHER,
            "DOMAIN_NAME": OTHER,
            "PREFIX": O,
            "TITLE": O,
        },
    ),
}

_ROLES = {
    "borrower",
    "lender",
    "bank",
    "party",
    "parties",
    "agent",
    "borrowers",
    "lenders",
    "tenant",
    "landlord",
    "holder",
    "company",
}


def pieces(text: str) -> list[tuple[int, int]]:
    """Bounds of the tokens of *text*, by the product's own tokeniser."""
    _, starts, ends, _ = kernels.cut([text], CLASSES)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def from_text(text: str, allowed: list[int]) -> Sequence:
    """Tokens of a text whose every code point has its allowed set."""
    tokens, sets = [], []
    for start, end in pieces(text):
        union = 0
        for bits in allowed[start:end]:
            union |= bits
        word = text[start:end]
        tokens.append("\n" if word.isspace() else word)
        sets.append(O if word.isspace() else union)
    return tokens, sets


def _lines(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def labelled(folder: Path, name: str) -> list[Sequence]:
    """One corpus, retokenised."""
    file, blank, table = CORPORA[name]
    found = []
    for row in _lines(folder / file):
        tokens: list[str] = []
        sets: list[int] = []
        for token, tag in zip(row["tokens"], row["tags"], strict=True):
            bits = blank if tag == "O" else table.get(tag[2:], blank)
            if name == "sec" and token.lower() in _ROLES:
                bits = O | OCC
            if tokens and tokens[-1] == "@" and name != "btc":
                bits = ANY  # handles are marked in one corpus only
            for start, end in pieces(token.replace("'\"'", '"')):
                tokens.append(token.replace("'\"'", '"')[start:end])
                sets.append(bits)
        if token.startswith("http") and tag == "O":
            sets[-len(pieces(token)) :] = [O | OTHER] * len(pieces(token))
        found.append((tokens, sets))
    return found


# --- unlabelled English -------------------------------------------------------------------------------------------

_ENDS = {".", "!", "?", "\n", '"', "“", "”", "‘", "—", ":", "*", "-", "…", "(", "1"}
_PERSONAL = {
    "mr",
    "mrs",
    "miss",
    "ms",
    "dr",
    "sir",
    "lady",
    "madame",
    "monsieur",
    "captain",
    "uncle",
    "aunt",
    "cousin",
    "lord",
    "colonel",
}


def novels(folder: Path, rng: random.Random, share: float) -> list[Sequence]:
    texts = [row["text"] for row in _lines(folder / "works" / "eltec_eng.jsonl.gz") if rng.random() < share]
    return _by_capitals([p for text in texts for p in text.split("\n") if 40 < len(p) < 1500])


def chats(folder: Path) -> list[Sequence]:
    """Messages of the Open-Assistant sample in English."""
    texts = []

    def visit(node: dict) -> None:
        if node.get("lang") in (None, "en") and node.get("text"):
            texts.append(node["text"])
        for reply in node.get("replies") or []:
            visit(reply)

    for row in _lines(folder / "chats" / "oasst" / "en_100_tree.jsonl"):
        visit(row.get("prompt", row))
    return _by_capitals([text for text in texts if 20 < len(text) < 6000 and re.search(r"[A-Z]", text)])


def _by_capitals(texts: list[str]) -> list[Sequence]:
    split = [[text[s:e] if not text[s:e].isspace() else "\n" for s, e in pieces(text)] for text in texts]
    inside: Counter[str] = Counter()
    small: Counter[str] = Counter()
    for tokens in split:
        for previous, token in zip([".", *tokens], tokens, strict=False):
            if token.islower():
                small[token] += 1
            elif token.istitle() and previous not in _ENDS and not previous.isdigit():
                inside[token.lower()] += 1
    return [(tokens, [_weak(tokens, i, inside, small) for i in range(len(tokens))]) for tokens in split if len(tokens) > 4]


def _weak(tokens: list[str], i: int, inside: Counter[str], small: Counter[str]) -> int:
    token = tokens[i]
    if token.islower():
        return O | _QUIET
    if not any(c.isalnum() for c in token) or token in ("I",):
        return O
    if token[0].isdigit():
        return O | DATE | OTHER
    key = token.lower()
    lonely = small[key] <= 0.05 * inside[key]
    before = tokens[i - 1] if i else "."
    if i > 1 and before == ".":
        before = tokens[i - 2] if tokens[i - 2].lower() in _PERSONAL else "."
    if before.lower() in _PERSONAL and before[0].isupper():
        return PERSON if key not in _PERSONAL else O
    if key in _PERSONAL:
        return O | PERSON
    start = before in _ENDS or before.isdigit()
    if token.istitle() and lonely and inside[key] >= 2 and (not start or inside[key] >= 5):
        return NAMELIKE | OTHER | DEM | DATE
    if start and small[key] > 20 * max(1, inside[key]):
        return O | _QUIET
    return ANY


# --- other names in real sentences --------------------------------------------------------------------------------


def substitute(sequence: Sequence, rng: random.Random, person, place) -> Sequence:
    """The same sentence about other people and places. *person* and *place* draw a name as tokens for a length."""
    tokens, sets = sequence
    out: list[str] = []
    bits: list[int] = []
    i = 0
    while i < len(tokens):
        j = i + 1
        if sets[i] in (PERSON, LOC):
            while j < len(tokens) and sets[j] == sets[i]:
                j += 1
            words = [t for t in tokens[i:j] if t[0].isalpha()]
            if len(words) == j - i and j - i <= 3 and rng.random() < 0.8:
                fresh = (person if sets[i] == PERSON else place)(j - i)
                if words[0].islower():
                    fresh = [t.lower() for t in fresh]
                elif words[0].isupper() and len(words[0]) > 2:
                    fresh = [t.upper() for t in fresh]
                out += fresh
                bits += [sets[i]] * len(fresh)
                i = j
                continue
        out += tokens[i:j]
        bits += sets[i:j]
        i = j
    return out, bits


_PLACES = {"city", "town", "village", "country", "island", "county", "capital"}
_FIRMS = {"company", "bank", "firm", "hospital", "school", "college", "university", "club", "society", "office"}
_BEFORE_PLACE = {"in", "to", "from", "of", "at", "near", "through", "around", "into", "towards", "leave", "left", "visit"}


def inserted(sequence: Sequence, rng: random.Random, person, place, firm) -> Sequence | None:
    """A real sentence with a name where it had a pronoun or a plain noun; None where there was none to replace.

    *person*, *place* and *firm* draw tokens.
    """
    tokens, sets = sequence
    out: list[str] = []
    bits: list[int] = []
    changed = False
    i = 0
    while i < len(tokens):
        low = tokens[i].lower()
        fresh: list[str] = []
        label, width = PERSON, 1
        if low in ("he", "she", "him") and rng.random() < 0.5:
            fresh = person(rng.choice((1, 1, 2)))
        elif low in ("the", "this", "my", "our", "a") and i and i + 1 < len(tokens) and rng.random() < 0.8:
            noun, before = tokens[i + 1].lower(), tokens[i - 1].lower()
            if noun in _PLACES and before in _BEFORE_PLACE:
                fresh, label, width = place(1), LOC, 2
            elif noun in _FIRMS:
                fresh, label, width = firm(), ORG, 2
        if fresh:
            changed = True
            out += fresh
            bits += [label] * len(fresh)
        else:
            out.append(tokens[i])
            bits.append(sets[i])
        i += width if fresh else 1
    return (out, bits) if changed else None
