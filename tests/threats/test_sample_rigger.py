"""Threat `sample-rigger`: somebody wants a friendly draw, and owns the frame, a seed, or the timing of the reveals."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core.crypto import public_text
from incamera.core.errors import Error, Refused, Unverified
from incamera.core.facts import Selection
from incamera.core.ids import digest
from incamera.sampling import seed as seeds
from incamera.sampling.draw import make
from incamera.sampling.frame import build
from incamera_verify import draw as arithmetic
from incamera_verify.errors import VerificationError

MATTER, ORDER = "m", digest(b"order")


@dataclass(frozen=True)
class Facts:
    cref: str = field(default_factory=lambda: secrets.token_hex(16))
    subject: str = "u"
    month: str = "2024-01"
    region: None = None
    tier: None = None
    source: str = "plain"
    temporary: bool = False
    deletion_requested: bool = False
    party_account: bool = False
    outputs_missing: int = 0


class Party:
    def __init__(self, party: str) -> None:
        self.party = party
        self.seed = seeds.new_seed(party)
        self.private = Ed25519PrivateKey.generate()
        self.commitment = self.seed.commitment
        self.key = public_text(self.private)

    def reveal(self, frame: str, seed: seeds.Seed | None = None, **changed: str) -> bytes:
        return seeds.reveal(seed or self.seed, self.private, **{"matter": MATTER, "order": ORDER, "frame": frame, **changed})  # type: ignore[arg-type]


@pytest.fixture
def parties() -> list[Party]:
    return [Party("holder"), Party("requester")]


@pytest.fixture
def frame():
    return build([Facts() for _ in range(60)], Selection())[0]


def refused(kind: type[Error], code: str, data: bytes, parties: list[Party], frame: str | None) -> None:
    with pytest.raises(kind) as caught:
        seeds.accept(data, commitments=parties, matter=MATTER, order=ORDER, frame=frame)
    assert caught.value.code == code


def test_a_seed_shown_before_the_frame_is_fixed_is_refused(parties, frame) -> None:
    refused(Refused, "sample.early-reveal", parties[0].reveal(frame.root), parties, None)


def test_a_reveal_for_an_earlier_frame_does_not_serve_a_new_one(parties, frame) -> None:
    """The holder sees the seeds, builds another frame, and tries them on it."""
    again = build([Facts() for _ in range(60)], Selection())[0]
    refused(Refused, "sample.foreign-reveal", parties[1].reveal(frame.root), parties, again.root)


def test_a_reveal_of_another_matter_or_order_is_refused(parties, frame) -> None:
    refused(Refused, "sample.foreign-reveal", parties[1].reveal(frame.root, matter="m2"), parties, frame.root)
    refused(Refused, "sample.foreign-reveal", parties[1].reveal(frame.root, order=digest(b"2")), parties, frame.root)


def test_a_party_cannot_change_its_seed_after_seeing_the_others(parties, frame) -> None:
    better = seeds.Seed(party="holder", value=secrets.token_bytes(32))
    refused(Unverified, "sample.wrong-seed", parties[0].reveal(frame.root, seed=better), parties, frame.root)


def test_a_party_cannot_reveal_for_another(parties, frame) -> None:
    stolen = seeds.reveal(parties[1].seed, parties[0].private, matter=MATTER, order=ORDER, frame=frame.root)
    refused(Unverified, "sample.bad-signature", stolen, parties, frame.root)
    copied = seeds.Seed(party="holder", value=parties[1].seed.value)
    refused(Unverified, "sample.wrong-seed", parties[0].reveal(frame.root, seed=copied), parties, frame.root)


def test_an_uninvited_party_has_no_seed(parties, frame) -> None:
    refused(Refused, "sample.unknown-party", Party("stranger").reveal(frame.root), parties, frame.root)


def test_an_edited_reveal_does_not_verify(parties, frame) -> None:
    value = json.loads(parties[0].reveal("0" * 64))
    value["frame"] = frame.root
    refused(Unverified, "sample.bad-signature", json.dumps(value).encode(), parties, frame.root)
    refused(Error, "sample.bad-reveal", json.dumps({**value, "x": 1}).encode(), parties, frame.root)


def test_no_row_can_be_slipped_in_or_left_out(parties, frame) -> None:
    accepted = [
        seeds.accept(p.reveal(frame.root), commitments=parties, matter=MATTER, order=ORDER, frame=frame.root) for p in parties
    ]
    got = seeds.gather(accepted, commitments=parties, fallback="refuse")
    draw = make(frame, got, 10, matter=MATTER, order=ORDER, commitments=parties)
    rows = list(zip(draw.rows, draw.paths, strict=True))
    arithmetic.check_draw(draw.header, rows, frame.rows, got)
    friendly = make(frame, {**got, "holder": bytes(32)}, 10, matter=MATTER, order=ORDER, commitments=parties)
    outside = next(
        pair for pair in zip(friendly.rows, friendly.paths, strict=True) if pair[0].row not in {r.row for r in draw.rows}
    )
    for altered in ([outside, *rows[1:]], rows[:-1], rows[1:] + rows[:1], list(zip(friendly.rows, friendly.paths, strict=True))):
        with pytest.raises(VerificationError):
            arithmetic.check_draw(draw.header, altered, frame.rows, got)
    made_up = {
        "row": "0" * 32,
        "stratum": rows[0][0].stratum,
        "rank": rows[0][0].rank,
        "index": rows[0][0].index,
        "path": rows[0][1],
    }
    with pytest.raises(VerificationError):
        arithmetic.check_row(**made_up, root=bytes.fromhex(frame.root), rows=60)


def test_no_seed_means_no_draw(frame) -> None:
    with pytest.raises(Refused):
        make(frame, {}, 10, matter=MATTER, order=ORDER)


def test_what_a_silent_last_party_gains_is_one_choice_in_two_and_it_is_written_down(parties, frame) -> None:
    accepted = [seeds.accept(parties[0].reveal(frame.root), commitments=parties, matter=MATTER, order=ORDER, frame=frame.root)]
    got = seeds.gather(accepted, commitments=parties, fallback="without-party", without=["requester"])
    draw = make(frame, got, 10, matter=MATTER, order=ORDER, commitments=parties)
    assert [p["party"] for p in draw.header["parties"] if not p["revealed"]] == ["requester"]
    with pytest.raises(VerificationError):  # and the draw without that seed does not pass for the draw with it
        arithmetic.check_draw(
            draw.header, list(zip(draw.rows, draw.paths, strict=True)), frame.rows, {p.party: p.seed.value for p in parties}
        )
