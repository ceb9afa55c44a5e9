"""A pin that is misspelt must not pass for a pin."""

from __future__ import annotations

import pytest

from incamera_verify.errors import VerificationError
from incamera_verify.merkle import EMPTY_ROOT
from incamera_verify.note import Algorithm, Checkpoint, Signer, sign_note
from incamera_verify.trust import Trust

LOG, PRODUCTION = Signer.generate("log.example/a"), Signer.generate("holder.example/production")


def _trust() -> Trust:
    return Trust("log.example/a", (LOG.verifier,), (PRODUCTION.verifier,), (), "24-cv-1", "ab" * 32)


def _note(signer: Signer) -> bytes:
    return bytes(sign_note(Checkpoint("log.example/a", 0, EMPTY_ROOT).text, [signer]))


def test_a_trust_file_comes_back() -> None:
    assert Trust.parse(_trust().to_toml()) == _trust()
    again = Trust.parse(_trust().to_toml([_note(LOG)]))
    assert again.checkpoints == (Checkpoint("log.example/a", 0, EMPTY_ROOT),)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[log]", "[logs]", "trust.unknown-key"),
        ("origin", "orign", "trust.unknown-key"),
        ('version = "incamera/trust/1"', 'version = "incamera/trust/2"', "trust.malformed"),
        ('origin = "log.example/a"', 'origin = "log.example/b"', "trust.malformed"),
        ("keys = [", "keys = [1, ", "trust.malformed"),
        ('id = "24-cv-1"', "id = 24", "trust.malformed"),
        ("holder.example/production+", "holder.example/production+0", "note.bad-key"),
        ("[matter]", "[matter", "trust.malformed"),
    ],
)
def test_a_damaged_trust_file_is_refused(old: str, new: str, code: str) -> None:
    text = _trust().to_toml().decode()
    assert old in text
    with pytest.raises(VerificationError) as flaw:
        Trust.parse(text.replace(old, new).encode())
    assert flaw.value.code == code


def test_a_pinned_checkpoint_needs_the_logs_signature() -> None:
    with pytest.raises(VerificationError, match=r"note\.unsigned"):
        Trust.parse(_trust().to_toml([_note(PRODUCTION)]))


# --- two algorithms ---------------------------------------------------------------------------------------------------

HYBRID = (LOG, Signer.generate("log.example/a", Algorithm.COSIGNATURE_MLDSA44))


@pytest.mark.parametrize("broken", HYBRID, ids=["ed25519-alone", "ml-dsa-alone"])
def test_where_both_keys_are_pinned_one_signature_is_none(broken: Signer) -> None:
    """Whoever breaks one algorithm, or strips the other's line, has signed nothing."""
    text = Checkpoint("log.example/a", 0, EMPTY_ROOT).text
    trust = Trust("log.example/a", tuple(key.verifier for key in HYBRID), (PRODUCTION.verifier,))
    assert Trust.parse(trust.to_toml()) == trust
    trust.with_checkpoints([("both", bytes(sign_note(text, HYBRID, 1)))])
    with pytest.raises(VerificationError, match=r"note\.unsigned"):
        trust.with_checkpoints([("one", bytes(sign_note(text, [broken], 1)))])


def test_a_reader_may_rest_on_ed25519_but_not_on_ml_dsa_alone() -> None:
    text = Checkpoint("log.example/a", 0, EMPTY_ROOT).text
    alone = Trust("log.example/a", (LOG.verifier,), (PRODUCTION.verifier,))
    alone.with_checkpoints([("both", bytes(sign_note(text, HYBRID, 1)))])
    quantum = Trust("log.example/a", (HYBRID[1].verifier,), (PRODUCTION.verifier,))
    with pytest.raises(VerificationError, match=r"trust\.malformed"):
        Trust.parse(quantum.to_toml())
