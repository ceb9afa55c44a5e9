from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incamera.core.ids import new_ref
from incamera.core.records import Entry
from incamera.ledger import Ledger
from incamera_verify.note import Algorithm, Signer, Verifier

LOG = Signer("log.example/holder", Algorithm.ED25519, bytes(range(32)))


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


def make_act(matter: str = "m-1", **fields: object) -> Entry:
    return Entry(act="run.started", matter=matter, actor="service/clerk", fields={"run": new_ref(), "stage": "collect", **fields})


@pytest.fixture
def act() -> Callable[..., Entry]:
    """A maker of acts, each with a reference of its own."""
    return make_act


@pytest.fixture
def signers() -> list[Signer]:
    return [LOG]


@pytest.fixture
def keys(signers: list[Signer]) -> list[Verifier]:
    return [signer.verifier for signer in signers]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def ledger(home: Path, signers: list[Signer], clock: HandClock) -> Iterator[Ledger]:
    log = Ledger.create(home, signers, clock)
    yield log
    log.close()


@pytest.fixture
def grown(home: Path, signers: list[Signer], clock: HandClock) -> Callable[[int], Path]:
    """A closed ledger with so many acts, of three matters, after its own first one."""

    def grow(count: int) -> Path:
        with Ledger.create(home, signers, clock) as log:
            log.append_many([make_act(f"m-{i % 3}") for i in range(count)])
        return home

    return grow
