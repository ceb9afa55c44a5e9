# ruff: noqa: E501, SIM905  (tables of sentences: one rule a line)
# fmt: off
"""Synthetic news articles: the claimed works. Written by a grammar whose fixed stretches are short, so that two articles
share no long run by accident."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from incamera.testing.synth.grammar import Grammar, Voice

OWNERS: Final = (
    "The Ostermouth Courier",
    "Linden Valley Post",
    "Harbour & Hill Review",
    "The Northlight Gazette",
    "Quarrel Street Weekly",
)

_RULES: Final[dict[str, list[str]]] = {
    "pa": "Oster Brack Linden Quill Marl Thorn Harrow Fen Copper Wych Gale Saxe Tarn Holm Brindle Ash Vesper Cald Rook Stave Mere Elder Pell Drum Wick Lark Gorse Siln Hazel Kelp Birch Dun Ember Flint Glen Heron Ivel Juniper Keld Loam Moss Nettle Otter Plover Rowan Sedge Teal Umber Withy Yarrow Bram Clove Dace Elver".split(),
    "pb": "mouth ford ham wick bridge stead combe gate haven ness worth minster field burn ley croft thwaite mead cliff strand ditch fold garth hythe lode mere pool rigg shaw thorpe".split(),
    "place": ["{pa}{pb}", "{pa}{pb}", "{pa} {pb_big}"],
    "pb_big": ["Quay", "Reach", "Common", "Heath", "Cross", "Bar", "Rise", "Vale"],
    "given": "Marit Tobin Ilse Corwin Petra Anselm Greta Lorne Bettine Osric Nadja Rufus Sunniva Emeric Halla Jonas Tamsin Evander Signe Conrad Odile Magnus Thea Barnaby".split(),
    "fa": "Had Brann Kess Tol Varn Lund Mor Sel Corb Dray Fain Gris Hul Jess Kor Lam Nev Orr Pask Rend Sark Tull Ulm Vess Wend Yar Zell Birk Drev Eld".split(),
    "fb": "ley vik eran mond ick ander oway iston elle um arde brook ering ost".split(),
    "family": ["{fa}{fb}"],
    "person": ["{given} {family}"],
    "post": ["bridge engineer", "harbour pilot", "councillor", "botanist", "ferry captain", "head teacher", "rent auditor", "choir master", "surveyor", "night nurse", "glazier", "locksmith", "magistrate", "beekeeper", "town archivist", "tram driver", "hydrologist", "baker", "coroner", "park ranger"],
    "body": ["the {place} harbour board", "the {pa}{pb} county council", "the {pa} Water Company", "the {place} teachers' union", "the {pa} Railway", "the {place} heritage trust", "the {pa} fishing guild", "the {place} court", "the Institute for {field} at {place}", "the {place} orchestra"],
    "field": ["tidal energy", "river medicine", "old manuscripts", "soil repair", "night skies", "bridge safety", "rural bus lines", "bird migration", "cold storage", "public debt"],
    "thing": ["a sluice gate", "the brass lift", "a grain barge", "the clock tower", "an iron footbridge", "the fish market", "a signal box", "the old tannery", "a seed vault", "the lending library", "a wind pump", "the tram depot", "a lime kiln", "the covered pool", "a rope works", "the east pier", "a radio mast", "the cider press", "a stone causeway", "the glass foundry", "the toll house", "a salt pan", "the weather station", "a narrow canal"],
    "things": ["ferry tickets", "school meals", "rooftop gardens", "copper cables", "mussel beds", "rent arrears", "tram fares", "orchard grants", "parish records", "flood maps", "night buses", "street lamps", "apprentice wages", "library fines", "quarry permits", "tide tables", "herring quotas", "church bells", "winter coats", "allotment leases"],
    "adj": ["brittle", "costly", "long-awaited", "quiet", "disputed", "rain-soaked", "generous", "puzzling", "half-finished", "stubborn", "narrow", "doubtful", "rusting", "cheerful", "bitter", "patient", "crooked", "sudden", "modest", "draughty", "clumsy", "splendid", "leaking", "hopeful"],
    "noun": ["bargain", "quarrel", "ledger", "verdict", "rehearsal", "shortage", "petition", "tally", "rumour", "timetable", "survey", "raffle", "confession", "blueprint", "footpath", "hearing", "harvest", "boycott", "truce", "census", "detour", "remedy", "backlog", "pageant"],
    "verb_ed": ["rejected", "welcomed", "postponed", "measured", "repaired", "questioned", "inherited", "photographed", "abandoned", "defended", "audited", "rebuilt", "borrowed", "painted", "catalogued", "flooded", "rented out", "dismantled", "celebrated", "mislaid"],
    "verb": ["widen", "sell", "restore", "count", "close", "heat", "insure", "relocate", "drain", "fence", "repaint", "lease", "inspect", "dredge", "rewire", "reopen"],
    "when": ["on Monday", "on Tuesday", "before dawn", "last Thursday", "this spring", "in autumn", "after midnight", "over the weekend", "on Friday", "in mid-{month}", "within hours", "yet again"],
    "month": ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    "where": ["beside the {pa} basin", "above {place}", "along {pa} Road", "near {place}", "under the {pa} viaduct", "behind {place} hall", "two miles from {place}", "on {pa} Hill", "between {place} and {place}", "in the {adj} north ward"],
    "sum": ["{nn} crowns", "{n} million crowns", "{nn},000 crowns", "{nn} crowns plus {things}", "nearly {nn} crowns a head"],
    "why": ["because {things} had run short", "to spare {things}", "after {nn} letters of complaint", "since {thing} failed twice", "although nobody had counted {things}", "despite {n} hours of argument", "without waiting for {body}", "while {things} doubled in price", "so that {thing} could stay", "as {body} had urged"],
    "feel": ["relief", "dismay", "a shrug", "cautious pride", "open laughter", "weary patience", "some alarm", "mild surprise"],
    "quote": ["We {verb_ed} {thing}; nobody thanked {body}", "You cannot {verb} {things} with a {adj} {noun}", "My mother {verb_ed} worse in {month}", "Give us {sum} and {n} weeks", "A {noun} is not a {noun}", "There were {nn} of us and one {adj} {noun}", "I would rather {verb} {thing} than {verb} {thing}", "Every {noun} in {place} begins with {things}", "They promised {things}, they sent a {noun}", "Pay for {thing} first"],
    "says": ["said {person}, {post} {where}", "{person} told reporters {when}", "said {lead}", "wrote {person}, a {post}", "{lead} said {when}", "said {person} with {feel}"],
    "s": [
        "{^body} {verb_ed} {thing} {when}, {why}.",
        "\"{quote},\" {says}.",
        "\"{quote},\" {says}. \"{quote}.\"",
        "For {n} years {thing} {where} was a {adj} {noun}.",
        "{^person}, the {post} who {verb_ed} {things} {when}, called the {noun} {adj}.",
        "Of {nn} households {where}, {n} had {verb_ed} their {things} by {month}.",
        "{^why}, {body} will {verb} {thing} {where}.",
        "{^when} a crowd of {nn} {verb_ed} {thing}, to the {feel} of {person}.",
        "The {adj} {noun} cost {sum}, {why}.",
        "{^things}, say records from 18{nn2}, once {verb_ed} a {noun} {where}.",
        "Neither {body} nor {lead} would {verb} {thing} {why}.",
        "What began as a {noun} {where} ended, {when}, with {feel}.",
        "{^lead} has {n} weeks to {verb} {things} or lose {sum}.",
        "Critics {where} {verb_ed} the plan as a {adj} {noun}.",
        "{^things} {where} rose {n} per cent {when}; {things} fell.",
        "A {post} from {place} {verb_ed} {nn} {things} {when}, {why}.",
        "The {noun} will {verb} {thing}, {body} confirmed {when}.",
        "{^person} and {person} {verb_ed} the {adj} {noun} {where}.",
        "In {month}, {thing} was {verb_ed} again; {body} paid {sum}.",
        "Between {things} and {things}, {lead} chose a {adj} {noun}.",
        "It took {n} {post}s and a {adj} {noun} to {verb} {thing} {where}.",
        "If {thing} stays shut, {nn} families {where} must {verb} {things}.",
        "{^body} answered {when} with {feel}, {why}.",
        "An earlier {noun}, {verb_ed} {when}, had left {things} {where}.",
        "\"{quote},\" read a {adj} banner {where}.",
        "{^body} lists {things}, {things} and one {adj} {noun}.",
        "{^person} once {verb_ed} {thing} with {n} {post}s and {sum}.",
        "Visitors {where} now find {thing}, {adj} and {verb_ed}, {why}.",
        "Under the {noun}, {body} must {verb} {things} {when}.",
        "{^feel} spread {where} when {lead} {verb_ed} the {noun}.",
    ],
    "nn2": [str(n) for n in range(10, 99)],
    "last": [
        "A second {noun} is expected {when}.",
        "{^lead} will hear {things} again in {month}.",
        "For now, {thing} waits {where}.",
        "\"{quote},\" {says}, and closed the {noun}.",
    ],
    "lede": [
        "{^town}: {body} {verb_ed} {topic} {when}, {why}.",
        "A {adj} {noun} over {topic} split {town} {when}, {why}.",
        "{^lead}, {post} of {town}, {verb_ed} {topic} {when} with {feel}.",
        "After {n} years and {sum}, {topic} in {town} is a {adj} {noun}.",
    ],
    "title": [
        "{^town} {verb_ed} its {adj} {noun}",
        "The {adj} {noun} of {town}",
        "Why {lead} would not {verb} {topic}",
        "{^things}, {sum} and a {adj} {noun}",
        "{^town} asks who will {verb} {topic}",
    ],
}

_NEWS = Grammar(_RULES)
_MONTHS: Final = [(2021 + m // 12, m % 12 + 1) for m in range(40)]


@dataclass(frozen=True, slots=True)
class Article:
    """A claimed work, with the names its plants need."""

    work_id: str
    title: str
    owner: str
    url: str
    published: str
    text: str

    def record(self) -> dict[str, str]:
        """The line of works.jsonl."""
        return {
            "work_id": self.work_id,
            "title": self.title,
            "owner": self.owner,
            "url": self.url,
            "published": self.published,
            "text": self.text,
        }


def articles(seed: int, count: int) -> list[Article]:
    """*count* articles of 300 to 800 words."""
    return [_article(random.Random(f"{seed}/news/{i}"), i) for i in range(count)]


def _article(rng: random.Random, number: int) -> Article:
    voice = Voice(rng)
    voice.bound = {"town": _NEWS.say("place", voice), "lead": _NEWS.say("person", voice), "topic": _NEWS.say("thing", voice)}
    title = _NEWS.say("title", voice)
    wanted = rng.randint(320, 760)
    paragraphs = [_NEWS.say("lede", voice)]
    words = len(paragraphs[0].split())
    while words < wanted:
        paragraph = " ".join(_NEWS.several("s", rng.randint(2, 5), voice))
        words += len(paragraph.split())
        paragraphs.append(paragraph)
    paragraphs.append(_NEWS.say("last", voice))
    year, month = rng.choice(_MONTHS)
    owner = rng.choice(OWNERS)
    slug = "-".join("".join(c for c in word if c.isalnum()).lower() for word in title.split()[:6])
    host = "".join(c for c in owner.lower() if c.isalpha())
    return Article(
        work_id=f"work-{number:04}",
        title=title,
        owner=owner,
        url=f"https://{host}.example/{year}/{month:02}/{slug}-{number}",
        published=f"{year}-{month:02}-{rng.randint(1, 28):02}",
        text="\n\n".join(paragraphs),
    )
