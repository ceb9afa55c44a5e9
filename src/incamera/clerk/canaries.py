"""Blind canaries in a matter: synthetic conversations among the real ones, examined alike, removed and counted at once.

They never get a row, a place in the frame or a share in a denominator: they are made inside the worker that has opened a batch,
stand between its conversations while it is searched and redacted, and are taken out before anything is sealed again. What
became of their secrets travels, as counts, with the conversation beside which they stood. Which conversations those are
follows from a key of the matter, so nobody who writes or changes a detector knows.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from incamera.clerk.desk import Desk
from incamera.clerk.examine import MatchThenRedact, Outcome
from incamera.clerk.probe import Planted, Probe
from incamera.core.batch import EXAMINED
from incamera.core.canon import pack, unpack
from incamera.core.errors import Refused
from incamera.core.ids import Ref
from incamera.core.records import Account, Conversation, Silent

#: One canary for so many conversations of the draw, at least one, and never more than `MOST`.
ONE_IN = 10
MOST = 500
#: Beside how many of them the real conversation is also read by each detector alone.
RECAPTURED = 100


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Blind(Silent):
    """The examination, with a canary beside each of its *hosts*. A Step like the one it wraps.

    Privacy: the canaries' text exists in the worker only; what leaves it are counts, under the seal of a real conversation.
    """

    step: MatchThenRedact
    key: bytes
    hosts: frozenset[bytes]
    recaptured: frozenset[bytes] = frozenset()

    @property
    def version(self) -> str:
        """Other canaries are another run."""
        state = hashlib.sha256(b"".join([*sorted(self.hosts), b"|", *sorted(self.recaptured)]))
        return f"{self.step.version}+blind/1:{hmac.new(self.key, state.digest(), hashlib.sha256).hexdigest()}"

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if self.hosts.isdisjoint(batch["cref"].to_pylist()):
                yield from self.step(iter([batch]))
            else:
                yield self._mixed(batch)

    def _mixed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = batch.to_pylist()
        planted: dict[bytes, tuple[bytes, Any]] = {}
        mixed: list[dict[str, Any]] = []
        for row in rows:
            mixed.append(row)
            if row["cref"] in self.hosts:
                canary, made = self._canary(row)
                planted[canary["cref"]] = (row["cref"], made)
                mixed.insert(self._seed(row["cref"], b"place")[0] % len(mixed), canary)
        done = [row for out in self.step(iter([pa.RecordBatch.from_pylist(mixed, batch.schema)])) for row in out.to_pylist()]
        probes = {planted[row["cref"]][0]: self._probe(row, planted[row["cref"]][1]) for row in done if row["cref"] in planted}
        kept = [row for row in done if row["cref"] not in planted]
        check_removed([row["cref"] for row in kept], [row["cref"] for row in rows])
        opened = {row["cref"]: row for row in rows}
        for row in kept:
            if row["cref"] in probes:
                probe = probes[row["cref"]]
                if row["cref"] in self.recaptured:
                    probe = replace(probe, recaptured=self._recaptured(opened[row["cref"]]))
                row["result"] = pack(replace(unpack(row["result"], Outcome), probe=probe))
        return pa.RecordBatch.from_pylist(kept, schema=EXAMINED)

    def _seed(self, cref: bytes, use: bytes) -> bytes:
        return hmac.new(self.key, use + cref, hashlib.sha256).digest()

    def _canary(self, host: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        """A row that looks like its neighbours, and what was planted in it."""
        from incamera.deid.evidence import canaries

        seed = self._seed(host["cref"], b"canary")
        like = unpack(host["conversation"], Conversation)
        made = canaries.beside(like, int.from_bytes(seed, "big"), name=seed.hex()[:32])
        references = self._seed(host["cref"], b"references")
        row = {
            "cref": references[:16],
            "uref": references[16:],
            "conversation": pack(made.conversation),
            "account": None,
            "ledger_key": self._seed(host["cref"], b"ledger"),
        }
        return row, made

    def _probe(self, row: dict[str, Any], made: Any) -> Probe:
        from incamera.deid.evidence import canaries

        outcome = unpack(row["result"], Outcome)
        redacted = outcome.examined.redacted if outcome.examined else None
        found = tuple(
            Planted(
                type=secret.type,
                language=secret.language,
                context=secret.context,
                # One that could not be examined would not have left either, but it shows nothing: it counts as missed.
                missed=redacted is None or canaries.missed(secret, redacted),
            )
            for secret in made.secrets
        )
        return Probe(planted=found, digest=outcome.digest)

    def _recaptured(self, row: dict[str, Any]) -> tuple[int, int, int]:
        """Spans of names by rules and lists alone, and by the names model alone: found by both, by one, by the other."""
        from incamera.deid.evidence import attacks
        from incamera.deid.find import Request, find_many

        conversation = unpack(row["conversation"], Conversation)
        account = unpack(row["account"], Account) if row["account"] else None
        (rules,) = find_many([Request(conversation, account)], recipe=self.step.recipe.with_(names=False, detectors=()))
        both = first = second = 0
        for turn, part, text in ((turn, p, part.text) for turn, p, part in conversation.parts()):
            by_rules = [
                (f.span.start, f.span.end)
                for f in rules.findings
                if (f.span.turn, f.span.part) == (turn, part) and f.label == "PERSON"
            ]
            counted = attacks.recapture(by_rules, attacks.names_alone(text))
            both, first, second = both + counted.both, first + counted.first_only, second + counted.second_only
        return both, first, second


def check_removed(kept: Sequence[bytes], wanted: Sequence[bytes]) -> None:
    """What comes out of an examination are the conversations that went in, in their order, and nothing else.

    Raises:
        Refused: `canaries.left-in`.
    """
    if list(kept) != list(wanted):
        raise Refused("canaries.left-in", "the examination gave back other conversations than it was given")


def blind(desk: Desk, step: MatchThenRedact, crefs: Sequence[Ref]) -> Blind:
    """*step* with canaries among the conversations of the draw; how many is in the ledger before the first is made."""
    key = desk.home.matter_key(desk.matter, "canaries")
    ranked = sorted((bytes.fromhex(cref) for cref in crefs), key=lambda cref: hmac.digest(key, b"host" + cref, "sha256"))
    hosts = ranked[: min(MOST, max(1, len(ranked) // ONE_IN))]
    desk.once(
        "canaries.planted",
        key=("canaries", "conversations", "recipe"),
        canaries=len(hosts),
        conversations=len(ranked),
        recipe=step.recipe.digest(),
    )
    return Blind(step=step, key=key, hosts=frozenset(hosts), recaptured=frozenset(hosts[:RECAPTURED]))
