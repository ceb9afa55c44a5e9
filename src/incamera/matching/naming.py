"""Whether a person named a work: its title or headline, its owner, its address."""

from __future__ import annotations

import functools
import re

from incamera.matching.segment import Entry
from incamera.matching.unigrams import bits
from incamera.text import tokens

_CUE_WORDS = "from of by in titled called named novel book story article poem song piece chapter read headline quote reciting"
_LITTLE = """
a an the of and or to in on at for from with by as is are was were be been it its this that his her their our your my not no but
how what why who when where part chapter vol volume book
"""
#: Words that mark the single word after them as a title or an author.
_CUES = frozenset(_CUE_WORDS.split())
_AUTHOR_CUES = frozenset(["by", "of", "from"])
#: Words after which nothing but a title stands, so that it need not be capitalised.
_SURE_CUES = frozenset(["titled", "entitled", "called", "named", "novel", "headline", "headlined"])
_SENTENCE_END = re.compile(r"[.!?:\n]")
#: Words rarer than about one in 130,000 do not begin a sentence by chance.
_RARE_BITS = 17.0
_SMALL = frozenset(_LITTLE.split())
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_SUBTITLE = re.compile(r"[:;|(\[]|,\s|\s[-–—]\s|\.\s|—")
_EXCLAIMED = re.compile(r"[!?]\s")
_SCHEME = re.compile(r"^[a-z]+://(www\.)?|^www\.", re.IGNORECASE)
_OPENING, _CLOSING = tuple("\"“«„‘'*_"), tuple("\"”»“’'*_")
#: Share of a headline's content words that name it when they come in any order, and how few are too few.
_MOST, _ENOUGH = 0.75, 4
#: Words of a headline that name it when they come in its order, and content words among them.
_STRETCH, _TELLING = 5, 3


def names(text: str, work: Entry) -> bool:
    """Whether *text* names *work*. Cost: one fold of the text."""
    if not text:
        return False
    if work.url and _SCHEME.sub("", work.url).rstrip("/").casefold() in text.casefold():
        return True
    found = [word for word, _, _ in _words(text)]
    return _titled(text, found, work.title, _surname(work.owner)) or _owned(text, found, work.owner)


@functools.lru_cache(maxsize=64)
def _words(text: str) -> list[tuple[str, int, int]]:
    return tokens.words(text)


def _titled(text: str, found: list[str], title: str, surname: str) -> bool:
    for form in title_forms(title):
        for at in _places(found, form):
            if len(form) > 1:
                if _unbroken(text, at, at + len(form), title):
                    return True
            elif _marked(text, found, at) or (surname and surname in found):
                return True
    words = _folded(title)
    content = {w for w in words if len(w) > 3 and w not in _SMALL}
    if any(_places(found, piece) for piece in _pieces(words) if len(content.intersection(piece)) >= _TELLING):
        return True
    return len(content) >= _ENOUGH and _most_together(found, content)


def _pieces(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Stretches of a long title that name it as well as the whole does."""
    return [words[i : i + _STRETCH] for i in range(len(words) - _STRETCH + 1)]


def _unbroken(text: str, first: int, last: int, title: str) -> bool:
    """Whether no sentence ends among the words, unless it is the title's way."""
    found = _words(text)
    between = text[found[first][1] : found[last - 1][2]]
    return all(mark in title for mark in ".!?;" if mark in between)


def _most_together(found: list[str], content: set[str]) -> bool:
    """Whether most of a headline's content words stand near each other, in any order."""
    places = [(i, w) for i, w in enumerate(found) if w in content]
    reach = 3 * len(content) + 8
    enough = max(_ENOUGH, _MOST * len(content))
    return any(len({w for j, w in places[n:] if j - i < reach}) >= enough for n, (i, _) in enumerate(places))


@functools.lru_cache(maxsize=4096)
def title_forms(title: str) -> tuple[tuple[str, ...], ...]:
    """The ways a title is asked for, as folded words: whole, and without what follows the first colon, comma or dash."""
    whole = _folded(title)
    main = _folded(_SUBTITLE.split(title.strip(), maxsplit=1)[0])
    longer = [_folded(title[: m.start()]) for m in _SUBTITLE.finditer(title)]  # up to each further colon, comma or dash
    first = _folded(_EXCLAIMED.split(title.strip(), maxsplit=1)[0])
    forms = [whole, main, *longer, first, main[1:] if main[:1] in (("the",), ("a",), ("an",)) and len(main) > 2 else ()]
    return tuple(dict.fromkeys(f for f in forms if f and not all(w in _SMALL or w.isdigit() for w in f)))


def _owned(text: str, found: list[str], owner: str) -> bool:
    surname, given = _person(owner)
    if not surname:
        return False
    if given:
        whole = (*given, *surname)
        if any(_places(found, f) for f in (whole, (*given[:1], *surname), (*surname, *given))):
            return True
    elif len(surname) > 1:
        return bool(_places(found, surname))
    return any(_marked(text, found, at, owner=True) for at in _places(found, surname))


@functools.lru_cache(maxsize=4096)
def _person(owner: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """("Doe, Jane (1900-1980)") -> (("doe",), ("jane",)); an organisation or a single name has no given part."""
    plain = _BRACKETED.sub(" ", owner)
    surname, comma, given = plain.partition(",")
    if comma:
        return _folded(surname), _folded(given)
    words = _folded(plain)
    if 2 <= len(words) <= 3 and plain.istitle():
        return words[-1:], words[:-1]
    return words, ()


def _surname(owner: str) -> str:
    surname, _ = _person(owner)
    return surname[-1] if surname and len(surname[-1]) > 2 else ""


@functools.lru_cache(maxsize=8192)
def _folded(text: str) -> tuple[str, ...]:
    return tuple(word for word, _, _ in tokens.words(text))


def _places(found: list[str], form: tuple[str, ...]) -> list[int]:
    n = len(form)
    return [i for i, word in enumerate(found) if word == form[0] and tuple(found[i : i + n]) == form] if n else []


def _marked(text: str, found: list[str], at: int, *, owner: bool = False) -> bool:
    """Whether the word stands as a name would.

    In quotation marks or behind a word that announces a title; capitalised after a cue; a title also inside a sentence, or as a
    rare word at its beginning; an owner in the possessive, or anywhere if the name is rare.
    """
    _, start, end = _words(text)[at]
    opened = bool(start) and text[start - 1] in _OPENING
    if not text[start].isupper():
        return not owner and ((opened and text[end : end + 1] in _CLOSING) or (at > 0 and found[at - 1] in _SURE_CUES))
    if opened:
        return True
    if owner and at + 1 < len(found) and found[at + 1] == "s" and text[end : end + 1] in tuple("'’"):
        return True
    if at > 0 and found[at - 1] in (_AUTHOR_CUES if owner else _CUES):
        return True
    if owner:
        return bits(found[at]) >= _RARE_BITS
    begins = at == 0 or _SENTENCE_END.search(text[_words(text)[at - 1][2] : start]) is not None
    return not begins or bits(found[at]) >= _RARE_BITS
