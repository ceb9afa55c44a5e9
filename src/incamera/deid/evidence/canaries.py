"""Canaries: whole synthetic conversations with known secrets, sent through the same pipeline, counted and thrown away.

They show that the machinery runs and on which types it is weak. They come from our own generator and bound nothing
about real text. The generator shares no list and no template with training or surrogates: its names are put together
from syllables, its frames stand in this file only.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from incamera.core.records import Conversation, Part, PartKind, Redacted, Turn

Context = Literal["prose", "code", "table", "translation"]

_ONSET = "b br c d dr f g gl h j k kr l m n p r s sh st t tr v w y z".split()  # noqa: SIM905
_VOWEL = "a e i o u ai ei ou ia".split()  # noqa: SIM905
_CODA = ["", "n", "r", "l", "s", "m", "ck", "nd", "rt", "sk"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secret:
    """One planted value: what it is, in which language and context it stands, and its surface."""

    type: str
    language: str
    context: Context
    surface: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Canary:
    """A conversation and the secrets planted in it."""

    conversation: Conversation
    secrets: tuple[Secret, ...]


def _word(rng: random.Random, syllables: int) -> str:
    made = "".join(rng.choice(_ONSET) + rng.choice(_VOWEL) + rng.choice(_CODA) for _ in range(syllables))
    return made.capitalize()


def _digits(rng: random.Random, n: int) -> str:
    return "".join(str(rng.randrange(10)) for _ in range(n))


def _luhn(rng: random.Random) -> str:
    from stdnum import luhn

    body = "4" + _digits(rng, 14)
    return body + str(luhn.calc_check_digit(body))


_VALUES: dict[str, Callable[[random.Random], str]] = {
    "name": lambda r: f"{_word(r, 2)} {_word(r, 2)}",
    "lower-case name": lambda r: f"{_word(r, 2)} {_word(r, 3)}".lower(),
    "e-mail": lambda r: f"{_word(r, 2).lower()}.{_word(r, 2).lower()}@{_word(r, 2).lower()}.net",
    "phone": lambda r: f"+44 {_digits(r, 2)} {_digits(r, 4)} {_digits(r, 4)}",
    "card": _luhn,
    "date": lambda r: f"{r.randint(1, 28)}/{r.randint(1, 12)}/{r.randint(1940, 2010)}",
    "address": lambda r: f"{r.randint(2, 180)} {_word(r, 2)} Street",
    "record number": lambda r: f"{_word(r, 1)[:2].upper()}-{_digits(r, 7)}",
    "key": lambda r: "sk-" + "".join(r.choice("abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(32)),
    "handle": lambda r: f"@{_word(r, 2).lower()}_{_digits(r, 2)}",
    "ip": lambda r: ".".join(str(r.randint(1, 254)) for _ in range(4)),
}

_FRAMES: dict[tuple[str, Context], tuple[str, ...]] = {
    ("en", "prose"): ("Could you polish this note before I post it? {} has asked twice and I keep forgetting.", "We fell out last winter and since then {} is all I think of."),
    ("en", "code"): ("Why does this fail?\n\ndef greet():\n    value = '{}'\n    return value\n",),
    ("en", "table"): ("Sort these rows for me:\n| kind | entry |\n|---|---|\n| mine | {} |\n| other | none |",),
    ("en", "translation"): ("Put this into plain French: the parcel belongs to {} and nobody else.",),
    ("es", "prose"): ("Ayúdame con esta carta: hace meses que {} no contesta y no sé qué hacer.",),
    ("de", "prose"): ("Kannst du das freundlicher schreiben? Seit Wochen warte ich auf {} und niemand hilft.",),
    ("fr", "prose"): ("Relis ce message, s'il te plaît : depuis hier {} reste sans réponse.",),
    ("es", "code"): ("¿Por qué falla esto?\n\nconst dato = \"{}\";\nconsole.log(dato);\n",),
    ("es", "table"): ("Ordena estas filas:\n| tipo | dato |\n|---|---|\n| mío | {} |\n| otro | nada |",),
    ("de", "code"): ("Was ist hier falsch?\n\nwert: {}\nanzahl: 3\n",),
    ("de", "table"): ("Bitte sortiere:\nArt;Eintrag\nmeins;{}\nsonst;nichts",),
    ("fr", "table"): ("Trie ces lignes :\n| sorte | donnée |\n|---|---|\n| la mienne | {} |\n| autre | rien |",),
    ("es", "translation"): ("Traduce al inglés: el paquete es de {} y de nadie más.",),
    ("de", "translation"): ("Übersetze ins Englische: das Paket gehört {} und sonst niemandem.",),
    ("fr", "translation"): ("Traduis en anglais : le colis est à {} et à personne d'autre.",),
}  # fmt: skip
_ANSWERS = ("Of course. Here it is.", "Claro, aquí tienes.", "Gern, hier ist es.", "Bien sûr, voici.")
#: Words that the frames themselves bring: what stands there anyway is no trace of a secret.
_FRAME_WORDS = frozenset(w.lower() for some in _FRAMES.values() for frame in some for w in re.findall(r"[^\W_]+", frame))


def beside(like: Conversation, seed: int, *, name: str) -> Canary:
    """One canary with the outer facts of a real conversation, so that nothing but its text tells it from its neighbours.

    Equal seeds give equal canaries. The seed must be secret until the run is sealed, or they are not blind; it protects nothing else.
    """
    turns, planted = _turns(random.Random(seed))  # noqa: S311 - derived from a secret key by the caller
    conversation = Conversation(
        id=name,
        subject=name,
        source=like.source,
        turns=turns,
        started_at=like.started_at,
        region=like.region,
        tier=like.tier,
    )
    return Canary(conversation=conversation, secrets=planted)


def _turns(rng: random.Random) -> tuple[tuple[Turn, ...], tuple[Secret, ...]]:
    """A short conversation with one to three secrets, each in a frame of its own."""
    kinds, frames = sorted(_VALUES), sorted(_FRAMES)
    turns: list[Turn] = []
    planted: list[Secret] = []
    for _ in range(rng.randint(1, 3)):
        type_, (language, context) = rng.choice(kinds), rng.choice(frames)
        surface = _VALUES[type_](rng)
        text = rng.choice(_FRAMES[language, context]).format(surface)
        kind: PartKind = "code" if context == "code" else "text"
        turns.append(Turn(index=len(turns), role="user", parts=(Part(kind=kind, path="text", text=text),)))
        answer = Part(kind="text", path="text", text=_ANSWERS[("en", "es", "de", "fr").index(language)])
        turns.append(Turn(index=len(turns), role="assistant", parts=(answer,)))
        planted.append(Secret(type=type_, language=language, context=context, surface=surface))
    return tuple(turns), tuple(planted)


def missed(secret: Secret, redacted: Redacted) -> bool:
    """Whether any telling word of the secret (3 letters or digits and more) still stands whole in the output."""
    text = "\n".join(p.text for t in redacted.turns for p in t.parts)
    words = {w.lower() for w in re.findall(r"[^\W_]+", re.sub(r"\[[A-Z-]+-\d+\]", " ", text))}
    telling = [w.lower() for w in re.findall(r"[^\W_]+", secret.surface) if len(w) >= 3 and w.lower() not in ("street", "net")]
    telling = [w for w in telling if w not in _FRAME_WORDS]
    return any(w in words for w in telling) if telling else secret.surface in text
