"""Threat `ledger-rewriter`: whoever owns the log's disk, and even its key, wants another past. Others notice.

The rewriter here has everything the holder has. Each test gives somebody else one small thing, a receipt, a checkpoint, a
witness's memory or a timestamp's size, and shows that it is enough.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incamera.core.errors import Unverified
from incamera.core.records import Entry
from incamera.ledger import Ledger, export, verify
from incamera.ledger.receipt import receipt
from incamera.ledger.witness import Peer, Witness, cosign
from incamera_verify.errors import VerificationError
from incamera_verify.note import Algorithm, Checkpoint, Note, Signer, Verifier
from incamera_verify.proof import open_receipt
from incamera_verify.tiles import check_bundle

LOG = Signer.generate("log.example/holder")
WITNESS = Signer.generate("witness.example/court", Algorithm.COSIGNATURE_ED25519)
KEYS = [LOG.verifier]


@dataclass
class HandClock:
    at: datetime = field(default_factory=lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def act(name: str, matter: str = "m-1", **fields: object) -> Entry:
    return Entry(act=name, matter=matter, actor="service/clerk", fields=fields)


HISTORY = [
    act("frame.committed", root="aa" * 32, size=1000),
    act("seed.revealed", party="requester", commitment="bb" * 32),
    act("draw.made", frame="aa" * 32, size=10, root="cc" * 32),
    act("access.refused", code="governance.one-approver"),
    act("decision.recorded", target="dd" * 32, call="withhold", reason="PRIV"),
]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def honest(tmp_path: Path, clock: HandClock) -> Path:
    home = tmp_path / "holder"
    with Ledger.create(home, [LOG], clock) as ledger:
        ledger.append_many(HISTORY)
    return home


def state(ledger: Ledger) -> Checkpoint:
    return Checkpoint.parse(Note.parse(ledger.checkpoint().encode()).text)


def rewritten(tmp_path: Path, clock: HandClock, acts: list[Entry]) -> Ledger:
    """A whole new past under the true key: as perfect a forgery as the key's owner can make."""
    ledger = Ledger.create(tmp_path / "rewritten", [LOG], clock)
    ledger.append_many(acts)
    assert verify(tmp_path / "rewritten", KEYS).size == len(acts) + 1, "in itself it is flawless"
    return ledger


PASTS = {
    "the refusal never happened": [*HISTORY[:3], HISTORY[4]],
    "the seed came before the frame": [HISTORY[1], HISTORY[0], *HISTORY[2:]],
    "another draw": [*HISTORY[:2], act("draw.made", frame="aa" * 32, size=10, root="ee" * 32), *HISTORY[3:]],
    "the decision was to produce": [*HISTORY[:4], act("decision.recorded", target="dd" * 32, call="produce", reason="RULE-1")],
    "nothing after the draw": HISTORY[:3],
    "the same acts, written anew": HISTORY,
}


@pytest.fixture(params=PASTS, ids=lambda name: name.replace(" ", "-"))
def past(request: pytest.FixtureRequest) -> list[Entry]:
    return PASTS[request.param]


def test_a_pinned_checkpoint_refuses_every_other_past(honest: Path, tmp_path: Path, clock: HandClock, past: list[Entry]):
    with Ledger.open(honest, [LOG], clock) as ledger:
        pin = state(ledger)
        export(ledger, "m-1", tmp_path / "true")
    assert check_bundle(tmp_path / "true", KEYS, [pin]).checkpoint == pin
    with rewritten(tmp_path, clock, past) as forged:
        forged.append_many([act("run.started", matter="other", run="ab" * 16, stage="x") for _ in range(9)])
        export(forged, "m-1", tmp_path / "false")
    assert check_bundle(tmp_path / "false", KEYS).entries, "without the pin it passes: that is why parties keep checkpoints"
    with pytest.raises(VerificationError, match=r"bundle\.rewritten"):
        check_bundle(tmp_path / "false", KEYS, [pin])
    with pytest.raises(Unverified, match=r"ledger\.altered"):
        verify(tmp_path / "rewritten", KEYS, [pin])


def test_a_persons_receipt_contradicts_the_new_past(honest: Path, tmp_path: Path, clock: HandClock, past: list[Entry]):
    with Ledger.open(honest, [LOG], clock) as ledger:
        paper = receipt(ledger, 4)
    leaf, pin = open_receipt(paper, KEYS)
    assert leaf.value["act"] == "access.refused"
    with rewritten(tmp_path, clock, [*past, *HISTORY]), pytest.raises(Unverified, match=r"ledger\.altered"):
        verify(tmp_path / "rewritten", KEYS, [pin])


def test_a_witness_refuses_to_cosign_the_new_past(honest: Path, tmp_path: Path, clock: HandClock, past: list[Entry]):
    witness = Witness(tmp_path / "court", [WITNESS], KEYS, clock)

    def send(body: bytes) -> tuple[int, bytes]:
        answer = witness.add_checkpoint(body)
        return answer.status, answer.body

    peer = Peer((WITNESS.verifier,), send)
    with Ledger.open(honest, [LOG], clock) as ledger:
        cosign(ledger, [peer])
    with rewritten(tmp_path, clock, past) as forged:
        for _ in range(4):  # shorter, equal and longer than what the witness saw
            with pytest.raises(Unverified, match=r"ledger\.witness-conflict"):
                cosign(forged, [peer])
            forged.append(act("run.started", matter="other", run="ab" * 16, stage="x"))
        with pytest.raises(VerificationError, match=r"note\.quorum"):
            export(forged, "m-1", tmp_path / "false")
            check_bundle(tmp_path / "false", KEYS, witnesses=[WITNESS.verifier], quorum=1)


def test_an_older_copy_of_the_disk_is_refused(honest: Path, tmp_path: Path, clock: HandClock):
    shutil.copytree(honest, tmp_path / "backup")
    with Ledger.open(honest, [LOG], clock) as ledger:
        ledger.append(act("key.released", conversations=5, root="ff" * 32))
        pin = state(ledger)
    with pytest.raises(Unverified, match=r"ledger\.truncated"):
        verify(tmp_path / "backup", KEYS, [pin])


def test_a_fresh_key_is_nobodys_key(honest: Path, tmp_path: Path, clock: HandClock):
    stranger = Signer.generate(LOG.name)
    with Ledger.create(tmp_path / "new", [stranger], clock) as ledger:
        ledger.append_many(HISTORY)
        export(ledger, "m-1", tmp_path / "false")
    with pytest.raises(VerificationError, match=r"note\.unsigned"):
        check_bundle(tmp_path / "false", KEYS)
    with pytest.raises(Unverified, match=r"ledger\.wrong-key"):
        Ledger.open(honest, [stranger], clock)


def test_with_a_quantum_resistant_key_pinned_the_broken_one_is_not_enough(tmp_path: Path, clock: HandClock):
    """Suppose Ed25519 fell: the rewriter signs at will with it, and still lacks the other signature."""
    strong = Signer.generate(LOG.name, Algorithm.COSIGNATURE_MLDSA44)
    pinned: list[Verifier] = [LOG.verifier, strong.verifier]
    with Ledger.create(tmp_path / "both", [LOG, strong], clock) as ledger:
        ledger.append_many(HISTORY)
        export(ledger, "m-1", tmp_path / "true")
    assert check_bundle(tmp_path / "true", pinned).entries
    with rewritten(tmp_path, clock, PASTS["another draw"]) as forged:
        export(forged, "m-1", tmp_path / "false")
    with pytest.raises(VerificationError, match=r"note\.unsigned"):
        check_bundle(tmp_path / "false", pinned)


def test_another_tenants_acts_cannot_be_guessed_from_an_export(honest: Path, tmp_path: Path, clock: HandClock):
    """The leaf hashes of the whole log leave with a bundle; knowing everything about an act but its salt confirms nothing."""
    from incamera.ledger.entry import encode, timestamp
    from incamera_verify.merkle import leaf_hash

    with Ledger.open(honest, [LOG], clock) as ledger:
        theirs = act("hold.placed", matter="m-2", hold="HOLD-9", scope="ab" * 32)
        place = ledger.append(theirs).index
        export(ledger, "m-1", tmp_path / "true")
        known = ledger.entry(place)
    tiles = b"".join(path.read_bytes() for path in (tmp_path / "true" / "tile").rglob("*") if path.is_file())
    assert leaf_hash(known.leaf) in tiles
    guess = encode(theirs, at=timestamp(known.at), seq=known.seq, salt="00" * 16)
    assert leaf_hash(guess) not in tiles
