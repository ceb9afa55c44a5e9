"""Signed notes, checkpoints and cosignatures: what was signed opens, and nothing else does."""

from __future__ import annotations

import base64
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera_verify.errors import VerificationError
from incamera_verify.note import (
    NOTE_BYTES_MAX,
    Algorithm,
    Checkpoint,
    Note,
    Signature,
    Signer,
    Verifier,
    open_checkpoint,
    sign_note,
)

LOG = Signer("log.example/holder", Algorithm.ED25519, bytes(range(32)))
LOG_PQ = Signer("log.example/holder", Algorithm.COSIGNATURE_MLDSA44, bytes(range(1, 33)))
WITNESS = Signer("witness.example/w1", Algorithm.COSIGNATURE_ED25519, bytes(range(2, 34)))
WITNESS_PQ = Signer("witness.example/w1", Algorithm.COSIGNATURE_MLDSA44, bytes(range(3, 35)))
OTHER = Signer("witness.example/w2", Algorithm.COSIGNATURE_ED25519, bytes(range(4, 36)))
STATE = Checkpoint("log.example/holder", 20_852_163, bytes(range(32)))
TIME = 1_679_315_147


def code_of(call, *arguments, **named) -> str:
    with pytest.raises(VerificationError) as caught:
        call(*arguments, **named)
    return caught.value.code


def signed(*signers: Signer, text: str = STATE.text) -> bytes:
    return bytes(sign_note(text, signers, TIME))


def test_a_note_may_hold_blank_lines_and_goes_together_again_as_it_was():
    text = "First paragraph, with an é.\n\nSecond paragraph.\n"
    data = bytes(sign_note(text, [LOG]))
    note = Note.parse(data)
    assert (note.text, bytes(note)) == (text, data)
    assert [v.key for v in note.verify([LOG.verifier])] == [LOG.verifier]


def test_a_checkpoint_opens_under_all_keys_of_its_log():
    data = signed(LOG, LOG_PQ, WITNESS)
    keys = [LOG.verifier, LOG_PQ.verifier]
    assert open_checkpoint(data, keys) == STATE
    assert open_checkpoint(data, keys, witnesses=[WITNESS.verifier, OTHER.verifier], quorum=1) == STATE
    assert Checkpoint.parse(STATE.text) == STATE


def test_signatures_state_their_time():
    held = Note.parse(signed(LOG, WITNESS, WITNESS_PQ)).verify([LOG.verifier, WITNESS.verifier, WITNESS_PQ.verifier])
    assert [v.time for v in held] == [0, TIME, TIME]


def test_the_cosigned_messages_are_those_of_the_specification():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

    blob = WITNESS.sign(STATE.text, TIME).blob
    assert blob[:8] == TIME.to_bytes(8, "big")
    message = b"cosignature/v1\ntime 1679315147\n" + STATE.text.encode()
    Ed25519PublicKey.from_public_bytes(WITNESS.verifier.public).verify(blob[8:], message)

    blob = WITNESS_PQ.sign(STATE.text, TIME).blob
    assert len(blob) == 8 + 2420
    name, origin = b"witness.example/w1", b"log.example/holder"
    message = b"subtree/v1\n\x00" + bytes([len(name)]) + name + TIME.to_bytes(8, "big") + bytes([len(origin)]) + origin
    message += (0).to_bytes(8, "big") + (20_852_163).to_bytes(8, "big") + bytes(range(32))
    MLDSA44PublicKey.from_public_bytes(WITNESS_PQ.verifier.public).verify(blob[8:], message)


@pytest.mark.parametrize("signer", [LOG, LOG_PQ, WITNESS])
def test_keys_survive_their_text(signer: Signer):
    assert Signer.parse(signer.text) == signer
    assert Verifier.parse(signer.verifier.text) == signer.verifier
    assert signer.verifier.text.startswith(f"{signer.name}+{signer.verifier.key_id.hex()}+")


def test_a_private_key_never_shows_in_a_repr():
    secret = base64.b64encode(LOG.seed).decode()[:12]
    assert secret not in repr(LOG)
    assert LOG.seed.hex()[:12] not in repr(LOG)


def test_a_fresh_key_differs_from_the_last():
    assert Signer.generate("a").seed != Signer.generate("a").seed


# --- refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signers", [(LOG,), (LOG_PQ,), (LOG, LOG_PQ)])
def test_no_flipped_bit_survives(signers):
    """Every bit of text and signature; a bit of the base64 alphabet that decodes alike cannot exist in strict base64."""
    data = signed(*signers)
    keys = [s.verifier for s in signers]
    assert open_checkpoint(data, keys) == STATE
    step = 1 if len(data) < 500 else 37  # a prime, so that all bit positions take part
    for bit in range(0, len(data) * 8, step):
        forged = data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]
        with pytest.raises(VerificationError):
            open_checkpoint(forged, keys)


def test_unknown_keys_are_ignored_even_where_name_or_id_agree():
    same_name = Signer(LOG.name, Algorithm.ED25519, bytes(32))
    note = Note.parse(signed(LOG))
    same_id = Signature("somebody.else", LOG.verifier.key_id, bytes(64))
    forged = bytes(Note(note.text, (*note.signatures, same_name.sign(STATE.text), same_id)))
    assert open_checkpoint(forged, [LOG.verifier]) == STATE


def test_a_known_key_that_signed_badly_refuses_the_whole_note():
    note = Note.parse(signed(LOG, WITNESS))
    bad = Signature(WITNESS.name, WITNESS.verifier.key_id, TIME.to_bytes(8, "big") + bytes(64))
    data = bytes(Note(note.text, (note.signatures[0], bad)))
    assert code_of(open_checkpoint, data, [LOG.verifier], witnesses=[WITNESS.verifier]) == "note.bad-signature"


def test_one_stripped_signature_of_the_log_is_noticed():
    assert code_of(open_checkpoint, signed(LOG), [LOG.verifier, LOG_PQ.verifier]) == "note.unsigned"
    assert code_of(open_checkpoint, signed(WITNESS), [LOG.verifier]) == "note.unsigned"
    assert code_of(open_checkpoint, signed(LOG), []) == "note.unsigned"


def test_two_keys_of_one_witness_are_one_witness():
    data = signed(LOG, WITNESS, WITNESS_PQ)
    witnesses = [WITNESS.verifier, WITNESS_PQ.verifier, OTHER.verifier]
    assert code_of(open_checkpoint, data, [LOG.verifier], witnesses=witnesses, quorum=2) == "note.quorum"
    assert open_checkpoint(signed(LOG, WITNESS, OTHER), [LOG.verifier], witnesses=witnesses, quorum=2) == STATE


def test_the_log_is_no_witness_of_itself():
    data = signed(LOG, LOG_PQ)
    assert code_of(open_checkpoint, data, [LOG.verifier], witnesses=[LOG_PQ.verifier], quorum=1) == "note.quorum"


def test_a_checkpoint_of_another_log_under_this_key_is_refused():
    text = Checkpoint("log.example/other", 1, bytes(32)).text
    assert code_of(open_checkpoint, signed(LOG, text=text), [LOG.verifier]) == "note.wrong-origin"


def test_one_key_signs_once():
    note = Note.parse(signed(LOG))
    data = bytes(Note(note.text, note.signatures * 2))
    assert code_of(open_checkpoint, data, [LOG.verifier]) == "note.malformed"


def test_cosignatures_are_made_over_checkpoints_only():
    assert code_of(WITNESS.sign, "no checkpoint\n", TIME) == "note.bad-checkpoint"
    assert code_of(LOG_PQ.sign, "no checkpoint\n", TIME) == "note.bad-checkpoint"
    assert code_of(sign_note, "no newline at the end", [LOG]) == "note.malformed"


@pytest.mark.parametrize(
    "text",
    [
        "log.example/x\n1\n",
        "log.example/x\n1\nAAAA\n",
        "log.example/x\n01\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "log.example/x\n-1\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "log.example/x\n1e3\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "log.example/x\n٣\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "log.example/x\n99999999999999999999\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "\n1\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "log.example/x\n1\n" + base64.b64encode(bytes(32)).decode() + "\nextension\n",
        "log.example/x\n1\n" + base64.b64encode(bytes(32)).decode(),
    ],
)
def test_loose_checkpoints_are_refused(text: str):
    assert code_of(Checkpoint.parse, text) == "note.bad-checkpoint"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n- name AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAA=",
        b"text\n\n\xe2\x80\x94 name  AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 na+me AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAB=\n",
        b"te\rxt\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"te\0xt\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"\xff\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"text\n\n" + b"\xe2\x80\x94 name AAAAAAA=\n" * 65,
        b"x" * (NOTE_BYTES_MAX + 1),
    ],
)
def test_loose_notes_are_refused(data: bytes):
    assert code_of(Note.parse, data) == "note.malformed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name+00000000",
        "name+00000000+AQ==",
        "name+00000000+!!!!",
        LOG.verifier.text.replace("log.example", "log.exampel"),
        LOG.verifier.text.replace("+" + LOG.verifier.key_id.hex(), "+00000000"),
        "na me" + LOG.verifier.text.removeprefix(LOG.name),
        "name+00000000+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
    ],
)
def test_bad_verifier_keys_are_refused(text: str):
    assert code_of(Verifier.parse, text) == "note.bad-key"


@pytest.mark.parametrize(
    "text", ["", LOG.verifier.text, LOG.text.replace("PRIVATE", "PUBLIC"), LOG.text.replace("holder", "other"), LOG.text[:-8]]
)
def test_bad_signer_keys_are_refused_and_not_quoted(text: str):
    with pytest.raises(VerificationError) as caught:
        Signer.parse(text)
    assert caught.value.code == "note.bad-key"
    assert base64.b64encode(LOG.seed).decode()[:10] not in str(caught.value)


def test_bytes_that_are_no_curve_point_are_a_bad_key_or_a_bad_signature():
    key = Verifier("log.example/holder", Algorithm.ED25519, b"\xff" * 32)
    with pytest.raises(VerificationError):
        key.verify(STATE.text, bytes(64))
    assert code_of(Verifier("w", Algorithm.COSIGNATURE_ED25519, bytes(32)).verify, STATE.text, b"short") == "note.bad-signature"
    assert (
        code_of(Verifier("w", Algorithm.COSIGNATURE_ED25519, bytes(32)).verify, STATE.text, b"\xff" * 72) == "note.bad-signature"
    )


def test_without_ml_dsa_the_way_out_is_said(monkeypatch):
    data = signed(LOG_PQ)
    fresh = Signer(LOG_PQ.name, LOG_PQ.algorithm, bytes(range(7, 39)))
    known = Verifier.parse(LOG_PQ.verifier.text)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    monkeypatch.delattr("cryptography.hazmat.primitives.asymmetric.mldsa", raising=False)
    assert code_of(fresh.sign, STATE.text, TIME) == "note.unsupported"
    assert code_of(open_checkpoint, data, [known]) == "note.unsupported"


@given(st.text(min_size=1), st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_every_checkpoint_that_can_be_signed_opens_as_itself(origin: str, size: int, root: bytes):
    state = Checkpoint(origin, size, root)
    try:
        data = bytes(sign_note(state.text, [LOG]))
        parsed = Checkpoint.parse(Note.parse(data).text)
    except (VerificationError, UnicodeEncodeError):
        return
    assert parsed == state


@given(st.binary())
def test_no_bytes_crash_the_parser(data: bytes):
    with suppress(VerificationError):
        assert bytes(Note.parse(data)) == data
