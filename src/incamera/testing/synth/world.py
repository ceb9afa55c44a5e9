"""The demonstration's world: a holder's log of two years, its account holders, and the works that others claim.

Everything follows from the seed: there is no clock here, and no key, approval or seed of a real protocol comes from it.
"""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from incamera.testing.synth import (
    canaries,
    plants,
    shapes,
    speech_de,
    speech_en,
    speech_es,
    speech_fr,
    speech_it,
    speech_ja,
    speech_pt,
)
from incamera.testing.synth.grammar import Voice
from incamera.testing.synth.news import Article, articles
from incamera.testing.synth.people import Person, people
from incamera.testing.synth.truth import Canary, Identity, Plant, rows

_SPEECH: Final[dict[str, ModuleType]] = {
    "en": speech_en,
    "es": speech_es,
    "fr": speech_fr,
    "de": speech_de,
    "it": speech_it,
    "pt": speech_pt,
    "ja": speech_ja,
}
#: December 2022 to November 2024, each month busier than the last.
MONTHS: Final = tuple((2022 + (11 + m) // 12, (11 + m) % 12 + 1) for m in range(24))
_ABOUT: Final = ("thing", "dish", "subject", "verb", "name", "lang", "data", "pain")
_SHARD: Final = 1000
_CANARY_SHARE: Final = 0.03
_RARE: Final = {"temporary": 0.04, "deletion": 0.03, "unanswered": 0.012, "failed": 0.006, "branch": 0.04, "japanese": 0.006}


@dataclass
class World:
    """What `world` made: logs in the shapes of two sources, accounts, works, and the truth about all that was planted.

    `parties` are the subjects whose accounts belong to a party (the requester's investigators).
    """

    seed: int
    exports: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    people: list[Person]
    works: list[Article]
    parties: tuple[str, ...]
    canaries: list[Canary] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    plants: list[Plant] = field(default_factory=list)
    canary_conversations: int = 0

    def __repr__(self) -> str:
        return f"<World seed={self.seed} conversations={len(self.exports) + len(self.calls)}>"

    @cached_property
    def accounts(self) -> list[dict[str, Any]]:
        """The lines of accounts.jsonl."""
        return [person.account() for person in self.people]

    def write(self, folder: Path) -> Layout:
        """Write everything under *folder*; the same world gives the same bytes."""
        layout = Layout(folder)
        layout.conversations.mkdir(parents=True, exist_ok=True)
        layout.truth.mkdir(exist_ok=True)
        _zip(layout.conversations / "export.zip", self.exports)
        _lines(layout.conversations / "calls.jsonl", self.calls)
        _lines(layout.accounts, self.accounts)
        _lines(layout.works, (work.record() for work in self.works))
        _lines(layout.truth / "canaries.jsonl", rows(self.canaries))
        _lines(layout.truth / "identities.jsonl", rows(self.identities))
        _lines(layout.truth / "plants.jsonl", rows(self.plants))
        return layout


@dataclass(frozen=True, slots=True)
class Layout:
    """Where `World.write` put things. The truth stands apart: nothing that searches may read it."""

    folder: Path

    @property
    def conversations(self) -> Path:
        return self.folder / "conversations"

    @property
    def accounts(self) -> Path:
        return self.folder / "accounts.jsonl"

    @property
    def works(self) -> Path:
        return self.folder / "works.jsonl"

    @property
    def truth(self) -> Path:
        return self.folder / "truth"


def world(seed: int, conversations: int, *, works: int = 80) -> World:
    """A world of so many conversations.

    Args:
        seed: Same seed, same world.
        conversations: About one in 30 holds canaries, one in 26 a stretch of a work.
        works: How many articles are claimed.

    Cost: about a millisecond a conversation.
    """
    rng = random.Random(f"{seed}/world")
    crowd = people(seed, max(24, conversations // 8))
    investigators = tuple(p.subject for p in crowd[:2])
    crowd[:2] = [replace(person, tier="plus", region="US") for person in crowd[:2]]
    made = World(seed, [], [], crowd, articles(seed, works), investigators)
    plan = _plan(rng, conversations)
    weights = [1 / (rank + 8) ** 0.6 for rank in range(len(crowd) - 2)]
    authors = rng.choices(crowd[2:], weights, k=conversations)
    # What is planted stands in exports: only they have tools, branches and all the facts of a frame.
    exporting = [person for person in crowd[2:] if person.tier != "api"]
    for number in range(conversations):
        purpose = plan.get(number, "talk")
        author = authors[number]
        if purpose == "party":
            author = crowd[number % 2]
        elif purpose != "talk" and author.tier == "api":
            author = rng.choice(exporting)
        _Writer(made, author, random.Random(f"{seed}/talk/{number}"), number).write(purpose)
    return made


def _plan(rng: random.Random, conversations: int) -> dict[int, str]:
    """Which conversations are more than talk. Small worlds get at least one of each kind that fits."""
    wanted = ["canary"] * max(6, round(_CANARY_SHARE * conversations))
    for kind, (_, share) in plants.KINDS.items():
        wanted += [kind] * max(1, round(share * conversations))
    chosen = rng.sample(range(conversations), min(len(wanted), conversations))
    return dict(zip(chosen, wanted, strict=False))


@dataclass(slots=True)
class _Writer:
    """Writes one conversation of one author."""

    world: World
    author: Person
    rng: random.Random
    number: int
    id: str = ""
    language: str = "en"
    _held: list[Identity] = field(default_factory=list)

    def write(self, purpose: str) -> None:
        bits = f"{self.rng.getrandbits(128):032x}"
        self.id = f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"
        if purpose == "talk":
            self._talk()
        elif purpose == "canary":
            self._canary()
        else:
            self._plant(purpose)

    # --- what is said -----------------------------------------------------------------------------------------------

    def _talk(self) -> None:
        own = self.author.language
        self.language = "ja" if self.rng.random() < _RARE["japanese"] else own if self.rng.random() < 0.85 else "en"
        pack = _SPEECH[self.language]
        topic = self.rng.choice(pack.TOPICS)
        other = self.rng.choice(self.world.people)
        voice = Voice(self.rng, {**self.author.facts("me"), **other.facts("them")})
        # What a conversation is about stays the same from turn to turn.
        voice.bound.update({name: pack.GRAMMAR.say(name, voice) for name in _ABOUT if name in pack.GRAMMAR})
        turns: list[tuple[str, str]] = []
        for exchange in range(self.rng.choice((1, 1, 2, 2, 3, 5))):
            turns.append(
                ("user", self._said(pack.GRAMMAR.say(f"{'f' if exchange else 'q'}_{topic}", voice) or "?", voice, len(turns)))
            )
            spoken = [pack.GRAMMAR.say(f"o_{topic}", voice)]
            spoken += pack.GRAMMAR.several(f"b_{topic}", self.rng.randint(3, 7), voice)
            spoken.append(pack.GRAMMAR.say("stop", voice))
            joint = "\n\n" if self.rng.random() < 0.3 else " "
            turns.append(("assistant", self._said(joint.join(s for s in spoken if s), voice, len(turns))))
        # A logged call has no title.
        rule = f"t_{topic}" if f"t_{topic}" in pack.GRAMMAR else "title"
        title = "" if self.author.tier == "api" else pack.GRAMMAR.say(rule, voice)
        self._note(voice, -1)
        self._emit(turns, title=title, topic=topic)

    def _said(self, text: str, voice: Voice, turn: int) -> str:
        self._note(voice, turn)
        return text

    def _note(self, voice: Voice, turn: int) -> None:
        for fact in dict.fromkeys(voice.used):
            self.world.identities.append(Identity(self.id, turn, fact.label, self.language, fact.value))
        voice.used.clear()

    def _canary(self) -> None:
        draft = canaries.draft(self.rng, self.world.canary_conversations)
        self.world.canary_conversations += 1
        self.language = draft.language
        for turn, type_, value in draft.planted:
            self.world.canaries.append(Canary(self.id, turn, type_, draft.language, draft.context, value))
        self._emit(draft.turns, canary=True)

    def _plant(self, kind: str) -> None:
        article = self.rng.choice(self.world.works)
        draft = plants.draft(self.rng, kind, article)
        label, _ = plants.KINDS[kind]
        for s in draft.planted:
            role = draft.turns[s.turn][0]
            expected = {"user": "PROMPT", "tool": ""}.get(role, label)
            if kind == "stepwise" and s is draft.planted[1]:
                expected = "CONTINUED"
            place = (s.start, s.end, s.work_start, s.work_end, s.words, s.disguise)
            self.world.plants.append(Plant(self.id, s.turn, role, article.work_id, *place, kind, expected))
        self._emit(draft.turns, canary=True)

    # --- the record -------------------------------------------------------------------------------------------------

    def _when(self) -> float:
        year, month = self.rng.choices(MONTHS, range(6, 6 + len(MONTHS)))[0]
        day, second = self.rng.randint(1, 28), self.rng.randrange(86_400)
        return datetime(year, month, day, tzinfo=UTC).timestamp() + second

    def _emit(self, turns: list[tuple[str, str]], *, title: str = "", topic: str = "", canary: bool = False) -> None:
        started = self._when()
        if self.author.tier == "api":
            self._call(turns, int(started))
            return
        llm = "gpt-3.5-turbo" if started < 1.69e9 else self.rng.choice(("gpt-3.5-turbo", "gpt-4", "gpt-4o"))
        nodes = self._instructions()
        parent = nodes[-1]["id"] if nodes else "root"
        for number, (role, text) in enumerate(turns):
            nodes.append(self._node(f"n{number}", parent, role, text, started + 17 * number, llm, topic))
            parent = f"n{number}"
        leaf = parent
        if not canary:
            leaf = self._accidents(nodes, leaf, llm)
        record = shapes.chatgpt(
            self.id,
            nodes,
            leaf=leaf,
            title=title,
            create_time=started,
            update_time=started + 17 * len(turns),
            user_id=self.author.subject,
            default_model_slug=llm,
            is_archived=False,
            is_temporary_chat=self.rng.random() < _RARE["temporary"],
            deletion_requested_at=started + 86_400 * self.rng.randint(2, 90) if self.rng.random() < _RARE["deletion"] else None,
        )
        self.world.exports.append(record)

    def _node(self, node: str, parent: str, role: str, text: str, at: float, llm: str, topic: str) -> dict[str, Any]:
        if role == "call":
            content = {"content_type": "code", "language": "json", "text": text}
            return shapes.chatgpt_message(
                node, parent, "assistant", content=content, at=at, metadata={"model_slug": llm}, recipient="browser"
            )
        if role == "tool":
            content = {"content_type": "tether_browsing_display", "result": text}
            return shapes.chatgpt_message(node, parent, "tool", content=content, at=at, name="browser")
        metadata: dict[str, Any] = {"model_slug": llm} if role == "assistant" else {}
        if role == "user" and topic in ("cv", "letter") and node == "n0" and self.rng.random() < 0.4:
            name = f"{topic}_{self.author.given}_{self.author.family}.pdf".replace(" ", "_")
            metadata["attachments"] = [
                {"id": f"file-{self.number}", "name": name, "mime_type": "application/pdf", "size": 40_213}
            ]
            self.world.identities.append(Identity(self.id, 0, "FILE_NAME", self.language, name))
        return shapes.chatgpt_message(node, parent, role, text, at=at, metadata=metadata)

    def _instructions(self) -> list[dict[str, Any]]:
        """Custom instructions, the same in every conversation of one in eight subjects."""
        own = random.Random(f"{self.world.seed}/about/{self.author.subject}")
        if own.random() > 0.12:
            return []
        voice = Voice(own, dict(self.author.facts("me")))
        about = _SPEECH[self.author.language].GRAMMAR.say("about", voice)
        self._note(voice, -1)
        content = {"content_type": "user_editable_context", "user_profile": about, "user_instructions": ""}
        return [shapes.chatgpt_message("ctx", "root", "system", content=content, weight=0.0)]

    def _accidents(self, nodes: list[dict[str, Any]], leaf: str, llm: str) -> str:
        """Now and then an answer is missing, fails, or is asked for again."""
        luck = self.rng.random()
        last = nodes[-1]
        if luck < _RARE["unanswered"]:
            nodes.pop()
            self._forget(len(nodes) - (nodes[0]["id"] == "ctx"))
            return str(last["parent"])
        luck -= _RARE["unanswered"]
        if luck < _RARE["failed"]:
            text = _SPEECH[self.language].GRAMMAR.say("error", Voice(self.rng))
            self._forget(len(nodes) - 1 - (nodes[0]["id"] == "ctx"))
            last["message"]["content"] = {"content_type": "system_error", "name": "ServerError", "text": text}
            return leaf
        if luck < _RARE["branch"] and last["message"]["author"]["role"] == "assistant":
            again = last["message"]["content"]["parts"][0].split(". ")
            self.rng.shuffle(again)
            at = (last["message"]["create_time"] or 0) + 9
            nodes.append(
                shapes.chatgpt_message(
                    "again", last["parent"], "assistant", ". ".join(again), at=at, metadata={"model_slug": llm}
                )
            )
            return "again" if self.rng.random() < 0.5 else leaf
        return leaf

    def _forget(self, turn: int) -> None:
        """What the turn that is gone said is not planted."""
        kept = self.world.identities
        while kept and kept[-1].conversation == self.id:
            last = kept.pop()
            if last.turn != turn:
                self._held.append(last)
        kept.extend(reversed(self._held))
        self._held.clear()

    def _call(self, turns: list[tuple[str, str]], created: int) -> None:
        spoken = [(role if role in ("user", "assistant") else "assistant", text) for role, text in turns]
        answered = spoken[-1][0] == "assistant"
        answer = spoken[-1][1] if answered and self.rng.random() > 2 * _RARE["unanswered"] else None
        asked = spoken[:-1] if answered else spoken
        facts = {"user_id": self.author.subject, "temporary": False, "deletion_requested_at": None}
        self.world.calls.append(shapes.completion(self.id, asked, answer, llm="gpt-4o-mini", created=created, **facts))


def _zip(path: Path, records: list[dict[str, Any]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for shard in range(0, max(1, len(records)), _SHARD):
            # A fixed time: the same world gives the same bytes.
            name = zipfile.ZipInfo(f"conversations-{shard // _SHARD:03}.json", (2024, 12, 1, 0, 0, 0))
            name.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(name, json.dumps(records[shard : shard + _SHARD], ensure_ascii=False))


def _lines(path: Path, items: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), encoding="utf-8")
