"""An order that loads, and the keys of the people in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core.crypto import public_text
from incamera.core.records import Entry, Receipt
from incamera.governance.order import load
from incamera.governance.terms import Order

TODAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
#: A home's log, by which requests name it; nothing here looks into the key.
LOG = "holder.example/ledger+1f3a9c02+AbC="


@dataclass
class SetClock:
    """A clock that stands where it is put."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class ListAppender:
    """An appender that keeps entries in memory; receipts count them. Checks each against the ledger's vocabulary."""

    entries: list[Entry] = field(default_factory=list)

    def append(self, entry: Entry) -> Receipt:
        from incamera.ledger.entry import check

        check(entry)
        self.entries.append(entry)
        return Receipt(index=len(self.entries) - 1, leaf="0" * 64, path=(), checkpoint="checkpoint")  # type: ignore[arg-type]

    def append_many(self, entries: object) -> list[Receipt]:
        return [self.append(entry) for entry in entries]  # type: ignore[attr-defined]

    def acts(self) -> list[str]:
        return [entry.act for entry in self.entries]


@pytest.fixture(scope="session")
def people() -> dict[str, Ed25519PrivateKey]:
    return {name: Ed25519PrivateKey.generate() for name in ("counsel", "privacy", "neutral", "requester", "holder", "stranger")}


@pytest.fixture(scope="session")
def order_text(people: dict[str, Ed25519PrivateKey]) -> str:
    signers = "\n".join(
        f'[[trust.signers]]\nname = "{role.title()} Person"\nrole = "{role}"\nkey = "{public_text(people[role])}"\n'
        for role in ("counsel", "privacy", "neutral", "requester")
    )
    return f"""
[matter]
caption = "Example v. Example"
number = "26-CV-0001 (ABC)"
court = "Example Court"
order_date = 2026-01-15
order_document = "order.txt"

[responsive]
min_run = 12
min_coverage = 0.0
max_commonness = "any"
roles = ["assistant"]
elicitation = "any"

[production]
scope = "responsive"
designation = "CONFIDENTIAL"

{signers}"""


@pytest.fixture
def write_order(tmp_path: Path, order_text: str):
    """Write the order with some lines exchanged, and load it."""

    def write(*changes: tuple[str, str], add: str = "") -> Order:
        text = order_text
        for old, new in changes:
            assert re.search(old, text), old
            text = re.sub(old, new, text, count=1)
        (tmp_path / "order.txt").write_text("It is ordered.")
        (tmp_path / "order.toml").write_text(text + "\n" + add)
        return load(tmp_path / "order.toml", today=TODAY)

    return write


@pytest.fixture
def order(write_order) -> Order:
    return write_order()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def ledger() -> ListAppender:
    return ListAppender()
