"""Seeds of the parties: committed before the order, revealed after the frame, and refused in any other order.

A party makes a seed and publishes its commitment, which goes into the order. When the frame's root stands in a checkpoint, the
party reveals: a signed file that names this matter, this order and this root. So nobody could fit a seed to a frame, nor a
frame to a seed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core.canon import canonical
from incamera.core.crypto import sign
from incamera.core.errors import Awaiting, Error, Malformed, Refused, Unverified
from incamera.core.ids import Digest, digest
from incamera_verify import draw
from incamera_verify.draw import REVEAL_VERSION, SEED_BYTES_MIN
from incamera_verify.errors import VerificationError

SEED_VERSION: Final = "incamera/seed/1"


class Committed(Protocol):
    """A party's commitment as it stands in the order."""

    @property
    def party(self) -> str: ...
    @property
    def commitment(self) -> str: ...
    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A party's secret until it reveals. Random from the operating system, never derived from anything."""

    party: str
    value: bytes = field(repr=False)

    @property
    def commitment(self) -> str:
        """What goes into the order."""
        return draw.seed_commitment(self.party, self.value)

    def json(self) -> bytes:
        """The seed file: private until the reveal."""
        return (
            canonical({"v": SEED_VERSION, "party": self.party, "seed": self.value.hex(), "commitment": self.commitment}) + b"\n"
        )

    @classmethod
    def parse(cls, data: bytes, *, where: str = "") -> Seed:
        """The seed of a seed file.

        Raises:
            Malformed: `sample.bad-seed-file`; its text is not shown, a seed being a secret.
        """
        try:
            value = json.loads(data)
            seed = cls(party=value["party"], value=bytes.fromhex(value["seed"]))
            if (
                set(value) != {"v", "party", "seed", "commitment"}
                or value["v"] != SEED_VERSION
                or value["commitment"] != seed.commitment
            ):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError, VerificationError):
            raise Malformed("sample.bad-seed-file", f"expected a seed file, {SEED_VERSION}", where=where) from None
        return seed


def new_seed(party: str) -> Seed:
    """A fresh seed of 32 random bytes.

    Raises:
        Malformed: `sample.bad-party`, the name is not one an order can carry.
    """
    seed = Seed(party=party, value=secrets.token_bytes(SEED_BYTES_MIN))
    try:
        _ = seed.commitment
    except VerificationError:
        raise Malformed("sample.bad-party", "a party's name is lower-case letters, digits, dot, dash, underscore") from None
    return seed


def reveal(seed: Seed, key: Ed25519PrivateKey, *, matter: str, order: Digest, frame: Digest) -> bytes:
    """The reveal file: the seed, bound to this matter, order and frame root, signed by the party's key in the order."""
    body = {"v": REVEAL_VERSION, "matter": matter, "order": order, "frame": frame, "party": seed.party, "seed": seed.value.hex()}
    return canonical({**body, "signature": sign(key, REVEAL_VERSION, canonical(body))}) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """An accepted reveal: whose, and the file's digest for the ledger. The seed is public from here on."""

    party: str
    seed: bytes
    commitment: str
    reveal: Digest
    data: bytes = field(repr=False)


def accept(
    data: bytes, *, commitments: Iterable[Committed], matter: str, order: Digest, frame: Digest | None, where: str = ""
) -> Revealed:
    """A reveal, if it is one of this order's parties', over this frame, and of the seed that was committed to.

    Args:
        frame: The root that stands in a checkpoint; None if no frame is committed yet.
    Raises:
        Refused: `sample.early-reveal`, no frame is committed; `sample.foreign-reveal`, it names another frame, order or
            matter; `sample.unknown-party`.
        Unverified: `sample.bad-signature`, `sample.wrong-seed`.
        Malformed: `sample.bad-reveal`.
    """
    if frame is None:
        raise Refused(
            "sample.early-reveal",
            "no frame is committed yet: a seed shown now could be answered with a fitting frame",
            where=where,
        )
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Malformed("sample.bad-reveal", "expected one JSON object", where=where)
    mine = next((c for c in commitments if c.party == value.get("party")), None)
    if mine is None:
        raise Refused("sample.unknown-party", "no party of that name committed to a seed in the order", where=where)
    try:
        seed = draw.check_reveal(value, commitment=mine.commitment, key=mine.key, matter=matter, order=order, frame=frame)
    except VerificationError as flaw:
        raise _translated(flaw, where or mine.party) from None
    return Revealed(party=mine.party, seed=seed, commitment=mine.commitment, reveal=digest(data), data=data)


_FAMILIES: Final[Mapping[str, type[Error]]] = {
    "draw.foreign-reveal": Refused,
    "draw.bad-signature": Unverified,
    "draw.wrong-seed": Unverified,
}


def _translated(flaw: VerificationError, where: str) -> Error:
    family = _FAMILIES.get(flaw.code)
    code = flaw.code.replace("draw.", "sample.") if family else "sample.bad-reveal"
    return (family or Malformed)(code, flaw.hint, where=where)


def gather(
    reveals: Sequence[Revealed], *, commitments: Sequence[Committed], fallback: str, without: Collection[str] = ()
) -> dict[str, bytes]:
    """The seeds of the draw: every party's, or, where the order's fallback allows it, every party's but those left out.

    Args:
        fallback: The order's, `refuse` or `without-party`.
        without: Parties that did not reveal and are gone without; each is recorded as `seed.fallback` by the caller.
    Raises:
        Awaiting: `sample.awaiting-reveal`, naming the parties.
        Refused: `sample.no-fallback`, the order does not let a party be left out, or the party has revealed;
            `sample.no-seed`, nobody revealed.
    Privacy: whoever reveals last sees the others' seeds and may choose not to reveal: with `without-party` that is one choice
        between two draws, and it is recorded who took it.
    """
    seeds = {r.party: r.seed for r in reveals}
    named = {c.party for c in commitments}
    if without and (fallback != "without-party" or not set(without) <= named - set(seeds)):
        raise Refused("sample.no-fallback", "only a silent party can be left out, and only if the order says without-party")
    missing = sorted(named - set(seeds) - set(without))
    if missing:
        raise Awaiting("sample.awaiting-reveal", f"seeds still to be revealed by {', '.join(missing)}")
    if named and not seeds:
        raise Refused("sample.no-seed", "without any seed the holder would choose the draw")
    return seeds


def parties(commitments: Iterable[Committed], seeds: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The parties as the draw file lists them: commitment, key, and whether the seed went in."""
    listed = sorted(commitments, key=lambda c: c.party)
    return [{"party": c.party, "commitment": c.commitment, "key": c.key, "revealed": c.party in seeds} for c in listed]
