"""The people of a test's matter: their keys, seeds and approvals, and an order that names them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyrage import x25519

from incamera.clerk import access, sample
from incamera.clerk.answer import Request, answer
from incamera.clerk.clock import SystemClock
from incamera.clerk.collect import Sources
from incamera.clerk.home import Home
from incamera.core.ids import digest

PASSPHRASE = "a passphrase of the tests"
ORDER = """
[matter]
caption = "Lantern Press v. Quill Assistants"
number = "26-cv-9001"
court = "Test Court"
order_date = 2026-01-15
order_document = "order.txt"
paragraph = "1"
[frame]
{frame}
[sample]
size = {size}
strata = {strata}
fallback = "{fallback}"
{commitments}
[responsive]
min_run = 12
min_coverage = 0.0
max_commonness = "any"
roles = ["assistant"]
elicitation = "any"
[production]
scope = "{scope}"
designation = "ATTORNEYS' EYES ONLY"
lanes = {lanes}
paragraph = "6"
{recipients}
{signers}
{more}
"""


@dataclass
class Matter:
    """One order in one directory, with everybody's keys; `answer` is the holder's command."""

    path: Path
    conversations: Path
    works: Path
    accounts: Path | None = None
    size: int | str = '"all"'
    strata: Sequence[str] = ("month",)
    scope: str = "sample"
    lanes: Sequence[str] = ("document", "bulk", "bulk-export")
    fallback: str = "refuse"
    frame: str = ""
    more: str = ""
    parties: Sequence[str] = ("requester", "neutral")
    keys: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.people = {"counsel": "C. Counsel", "privacy": "P. Officer", "requester": "R. Expert", "neutral": "N. Neutral"}
        for role, name in self.people.items():
            self.keys[role] = self.path / f"{role}.pem"
            access.keygen(self.keys[role], role=role, name=name, passphrase=None)
        for party in self.parties:
            sample.new_seed(self.seed(party), party)
        self.identity = x25519.Identity.generate()
        (self.path / "order.txt").write_text("A made-up order of a made-up court.\n")
        self.write_order()

    @property
    def order(self) -> Path:
        return self.path / "order.toml"

    @property
    def out(self) -> Path:
        return self.path / "out"

    @property
    def home_path(self) -> Path:
        return self.path / "home"

    def seed(self, party: str) -> Path:
        return self.path / f"{party}.seed"

    def write_order(self, **changes: Any) -> None:
        given: dict[str, Any] = {
            "frame": self.frame,
            "size": self.size,
            "strata": json.dumps(list(self.strata)),
            "fallback": self.fallback,
            "scope": self.scope,
            "lanes": json.dumps(list(self.lanes)),
            "commitments": "\n".join(
                f'[[sample.commitments]]\nparty = "{p}"\ncommitment = "{sample.commitment_of(self.seed(p))}"\n'
                f'key = "{access.public_of(self.keys[p])}"'
                for p in self.parties
            ),
            "recipients": f'[[recipients.keys]]\nname = "neutral"\nrole = "neutral"\nage = "{self.identity.to_public()}"',
            "signers": "\n".join(
                f'[[trust.signers]]\nname = "{self.people[r]}"\nrole = "{r}"\nkey = "{access.public_of(self.keys[r])}"'
                for r in ("counsel", "privacy")
            ),
            "more": self.more,
        }
        self.order.write_text(ORDER.format(**given | changes))

    def new_home(self, path: Path | None = None) -> Home:
        return Home.create(path or self.home_path, origin="holder.example/ledger", passphrase=PASSPHRASE)

    def open_home(self) -> Home:
        return Home.open(self.home_path, passphrase=PASSPHRASE)

    def reveal(self, root: str, party: str, out: Path | None = None) -> Path:
        out = out or self.path / f"{party}.reveal"
        if not out.exists():
            sample.reveal(self.seed(party), self.keys[party], self.order, root, out, None)
        return out

    def approve(self, role: str, home: Home) -> Path:
        """The approval of *role* for this order in *home*; another order or another home's log needs another."""
        out = self.path / f"{role}-{digest(home.log_key.encode() + self.order.read_bytes())[:8]}.approval"
        if not out.exists():
            access.sign_approval(
                self.order,
                self.keys[role],
                log=home.log_key,
                role=role,
                days=7,
                out=out,
                passphrase=None,
                clock=SystemClock(),
            )
        return out

    def request(self, **changes: Any) -> Request:
        given: dict[str, Any] = {
            "order": self.order,
            "sources": Sources(conversations=(self.conversations,), accounts=self.accounts),
            "works": (self.works,),
            "out": self.out,
            "processes": 0,
        }
        return Request(**given | changes)

    def finish(self, home: Home, **changes: Any) -> dict[str, Any]:
        """The whole walk: frame, reveals over its root, approvals, answer."""
        root = self.frame_root(home, **changes)
        reveals = tuple(self.reveal(root, party) for party in self.parties)
        approvals = (self.approve("counsel", home), self.approve("privacy", home))
        return answer(home, self.request(reveals=reveals, approvals=approvals, **changes))

    def frame_root(self, home: Home, **changes: Any) -> str:
        """Run as far as the frame; the walk stops there for want of reveals or approvals."""
        from incamera.clerk.desk import Desk
        from incamera.core.errors import Awaiting
        from incamera.governance import order as orders

        with suppress(Awaiting):
            answer(home, self.request(**changes))
        facts = Desk(home=home, order=orders.load(self.order)).done("frame")
        assert facts is not None
        return str(facts["root"])


def log(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def conversation(name: str, *turns: tuple[str, str], subject: str = "", **facts: Any) -> dict[str, Any]:
    """One record of the plain interchange format."""
    return {
        "id": name,
        "subject": subject or f"subject-{name}",
        "started_at": datetime(2024, 5, 1 + hash_of(name) % 28, tzinfo=UTC).isoformat(),
        "turns": [{"role": role, "text": text} for role, text in turns],
        **facts,
    }


def hash_of(name: str) -> int:
    """A small stable number for a name; `hash` differs from run to run."""
    return sum(name.encode())


ARTICLE = (
    "The ferry company said on Monday that the northern crossing would stay closed until the new pier had been inspected, "
    "a delay that fishermen along the whole sound called the longest anybody could remember since the winter of the great storm. "
    "Mayor Ottilie Brandvold asked for patience and promised that the buses over the pass would run twice as often, "
    "while the harbour master pointed out that no bus had ever carried a ton of herring to market before noon."
)


def small_log() -> list[dict[str, Any]]:
    """Twelve conversations: one reproduces the article, one pastes it, one lacks an answer, the rest is talk with identities."""
    quote = " ".join(ARTICLE.split()[10:50])
    rows = [
        conversation(
            "repro", ("user", "what did the paper say about the ferry?"), ("assistant", f"It says: {quote} ... and so on.")
        ),
        conversation(
            "paste", ("user", f"summarise this: {quote}"), ("assistant", "A crossing stays closed; people are unhappy.")
        ),
        conversation("mute", ("user", "are you there, at all?")),
    ]
    rows += [
        conversation(
            f"talk{n}",
            ("user", f"write to my landlord Wenzel Habergast{n} at habergast{n}@example.org about the broken heater"),
            ("assistant", f"Dear Mr Habergast{n}, the heater in my flat is broken. Could you have it repaired this week?"),
        )
        for n in range(9)
    ]
    return rows


def article_works() -> list[dict[str, Any]]:
    other = " ".join(reversed(ARTICLE.split()))
    return [
        {"work_id": "ferry", "title": "Crossing stays closed", "owner": "Lantern Press", "published": "2023", "text": ARTICLE},
        {"work_id": "other", "title": "Another piece", "owner": "Harbour Daily", "published": "2023", "text": other},
    ]
