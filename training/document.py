"""One generated document: its people, places and firms stay the same for the same slot number."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import labels
from store import AMBIGUOUS, Store

_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_SLOT = re.compile(r"\{\{|\}\}|\{([A-Za-z_0-9]+)(?::(\d))?\}")
Rendered = tuple[str, list[int]]  # text, and one allowed set (bits of labels) for each code point


Slots = dict[str, tuple[Callable[["Document"], str], int]]


@dataclass
class Person:
    first: str
    last: str
    middle: str
    full: str


class Document:
    """One document: its people, places and firms stay the same for the same slot number."""

    def __init__(self, store: Store, rng: random.Random, slots: Slots, *, dev: bool = False) -> None:
        self.slots = slots
        self.store = store
        self.rng = rng
        self.dev = dev
        self.locale = self._locale()
        self.people: dict[tuple[str, int], Person] = {}
        self.known: dict[tuple[str, int], str] = {}

    def _locale(self) -> str:
        if self.dev:
            return self.rng.choice(self.store.dev)
        return "en_US" if self.rng.random() < 0.3 else self.rng.choice(self.store.train)

    # --- people -------------------------------------------------------------------------------------------------

    def person(self, index: int, language: str = "") -> Person:
        key = (language, index)
        if key not in self.people:
            self.people[key] = self._person(language)
        return self.people[key]

    def _person(self, language: str) -> Person:
        rng, store = self.rng, self.store
        locale = self.locale if rng.random() < 0.7 else self._locale()
        if language:
            locale = rng.choice([loc for loc in store.train if loc.startswith(language + "_")])
        if locale == "en_US" and rng.random() < 0.7:
            # Census lists are ordered by frequency; the square favours common names without starving the rare ones.
            firsts, lasts = store.census[rng.choice(("first:male", "first:female"))], store.census["last"]
            first = firsts[int(rng.random() ** 2 * len(firsts))].capitalize()
            last = lasts[int(rng.random() ** 2.5 * len(lasts))].capitalize()
            middle = firsts[int(rng.random() ** 2 * len(firsts))].capitalize()
        else:
            pool = store.pools[locale]
            first, last, middle = rng.choice(pool["first"]), rng.choice(pool["last"]), rng.choice(pool["first"])
        invent_first, invent_last = store.inventors[locale]
        if rng.random() < 0.15:
            first = invent_first.draw(rng)
        if rng.random() < 0.2:
            last = invent_last.draw(rng)
        if rng.random() < 0.02:
            first = rng.choice(sorted(AMBIGUOUS)).capitalize()
        return Person(first, last, middle, self._full(first, last, middle, locale))

    def _full(self, first: str, last: str, middle: str, locale: str) -> str:
        rng = self.rng
        second = rng.choice(self.store.pools[locale]["last"])
        if locale.startswith(("es", "pt")) and rng.random() < 0.6:
            return f"{first} {last} {second}"
        forms = (
            (70, f"{first} {last}"),
            (8, f"{first} {middle[0]}. {last}"),
            (5, f"{first} {middle} {last}"),
            (5, f"{last}, {first}"),
            (4, f"{first[0]}. {last}"),
            (3, f"{first} {last}-{second}"),
            (3, f"{last} {first}"),
            (2, f"{first[0]}{middle[0]} {last}"),
        )
        return rng.choices([form for _, form in forms], [weight for weight, _ in forms])[0]

    # --- slots --------------------------------------------------------------------------------------------------

    def slot(self, name: str, index: int) -> tuple[str, int]:
        """The value of a slot and its allowed labels."""
        language = ""
        if name[-2:] in _LANGUAGES and name[:-2] in ("full", "first", "last", "city", "w", "W"):
            name, language = name[:-2], name[-2:]
        lower = name.lower() if name not in ("W", "WW") else name
        if name in ("full", "first", "last", "init", "FULL", "LAST"):
            person = self.person(index, language)
            value = {"full": person.full, "first": person.first, "last": person.last, "init": person.first[0] + "."}[lower]
            return (value.upper() if name.isupper() else value), labels.PERSON
        if name in ("w", "W", "WW", "wes", "Wes"):
            word = self.rng.choice(self.store.words[language or "en"])
            return {"w": word, "W": word.capitalize(), "WW": word.upper()}[name], labels.O
        if name == "city" and language:
            pool = [
                c
                for loc in self.store.train
                if loc.startswith(language + "_") and loc not in ("es_CA", "fr_BE", "fr_CA")
                for c in self.store.pools[loc]["city"][:80]
            ]
            return self.rng.choice(pool), labels.LOC
        make, label = self.slots[lower]
        key = (lower, index)
        if label == labels.O:
            value = make(self)
        else:
            if key not in self.known:
                self.known[key] = make(self)
            value = self.known[key]
        if name != lower:
            value = value.upper() if name.isupper() and len(name) > 1 else value[:1].upper() + value[1:]
        return value, label

    def render(self, template: str) -> Rendered:
        rng = self.rng
        while (found := _CHOICE.search(template)) is not None:
            template = template[: found.start()] + rng.choice(found.group(1).split("|")) + template[found.end() :]
        template = template.replace("\\n", "\n").replace("\\t", "\t")
        text = ""
        allowed: list[int] = []
        at = 0
        for match in _SLOT.finditer(template):
            literal = template[at : match.start()]
            at = match.end()
            if match.group(1) is None:
                literal += match.group()[0]
                value, label = "", labels.O
            else:
                value, label = self.slot(match.group(1), int(match.group(2) or 1))
            text += literal + value
            allowed += [labels.O] * len(literal) + [label] * len(value)
        literal = template[at:]
        return text + literal, allowed + [labels.O] * len(literal)


_LANGUAGES = {"es", "fr", "de", "it", "pt", "nl", "sv", "ru"}
