"""Witnesses remember, logs ask; a log that goes back is caught, over real HTTP too."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.errors import Malformed, Refused, Unavailable, Unverified
from incamera.ledger import Ledger, examine, export, verify
from incamera.ledger.receipt import receipt
from incamera.ledger.wire import BODY_BYTES_MAX, WitnessServer, post
from incamera.ledger.witness import Peer, Request, Witness, cosign
from incamera_verify.merkle import Tree, leaf_hash
from incamera_verify.note import Algorithm, Checkpoint, Note, Signer, open_checkpoint, sign_note
from incamera_verify.proof import open_receipt
from incamera_verify.tiles import check_bundle

ONE = Signer("witness.example/w1", Algorithm.COSIGNATURE_ED25519, bytes(range(2, 34)))
ONE_PQ = Signer("witness.example/w1", Algorithm.COSIGNATURE_MLDSA44, bytes(range(3, 35)))
TWO = Signer("witness.example/w2", Algorithm.COSIGNATURE_ED25519, bytes(range(4, 36)))

TREE = Tree(leaf_hash(bytes([i])) for i in range(20))


@pytest.fixture
def witness(tmp_path: Path, keys, clock) -> Witness:
    return Witness(tmp_path / "w1", [ONE, ONE_PQ], keys, clock)


def peer(witness: Witness, *signers: Signer) -> Peer:
    def send(body: bytes) -> tuple[int, bytes]:
        answer = witness.add_checkpoint(body)
        return answer.status, answer.body

    return Peer(tuple(s.verifier for s in signers), send)


def down(body: bytes) -> tuple[int, bytes]:
    raise Unavailable("ledger.unreachable", "nobody answered")


# --- the witness ---------------------------------------------------------------------------------------------------------------


def body(signer: Signer, old: int, new: int, root: bytes | None = None, path: list[bytes] | None = None) -> bytes:
    note = bytes(sign_note(Checkpoint(signer.name, new, root or TREE.root(new)).text, [signer]))
    return bytes(Request(old, tuple(TREE.consistency_path(min(old, new), new) if path is None else path), note))


def test_a_witness_cosigns_a_log_that_grows(witness: Witness, signers, keys):
    log = signers[0]
    for old, new in ((0, 3), (3, 3), (3, 8), (8, 20)):
        answer = witness.add_checkpoint(body(log, old, new))
        assert answer.status == 200
        note = bytes(sign_note(Checkpoint(log.name, new, TREE.root(new)).text, [log])) + answer.body
        state = open_checkpoint(note, keys, witnesses=[ONE.verifier, ONE_PQ.verifier], quorum=1)
        assert witness.seen(log.name) == state
        held = Note.parse(note).verify([ONE.verifier, ONE_PQ.verifier])
        assert [v.time > 0 for v in held] == [True, True]


def test_each_refusal_has_the_status_of_the_specification(witness: Witness, signers):
    log = signers[0]
    witness.add_checkpoint(body(log, 0, 8))
    stranger = Signer("log.example/other", Algorithm.ED25519, bytes(range(32)))
    forger = Signer(log.name, Algorithm.ED25519, bytes(32))
    assert witness.add_checkpoint(b"nonsense").status == 400
    assert witness.add_checkpoint(body(stranger, 0, 8)).status == 404
    assert witness.add_checkpoint(body(forger, 8, 9)).status == 403
    assert witness.add_checkpoint(body(log, 10, 9)).status == 400
    conflict = witness.add_checkpoint(body(log, 0, 9))
    assert (conflict.status, conflict.body, conflict.content_type) == (409, b"8\n", "text/x.tlog.size")
    assert witness.add_checkpoint(body(log, 8, 8, root=bytes(32), path=[])).status == 409
    assert witness.add_checkpoint(body(log, 8, 9, root=bytes(32))).status == 422
    assert witness.add_checkpoint(body(log, 8, 9, path=[])).status == 422
    assert witness.add_checkpoint(body(log, 8, 9)).status == 200


def test_a_witness_that_lost_its_memory_signs_nothing(witness: Witness, signers, tmp_path: Path):
    witness.add_checkpoint(body(signers[0], 0, 8))
    (memory,) = (tmp_path / "w1" / "seen").iterdir()
    memory.write_bytes(b"garbage")
    with pytest.raises(Unverified, match=r"ledger\.witness-memory"):
        witness.add_checkpoint(body(signers[0], 8, 9))


def test_memory_survives_a_restart(witness: Witness, signers, keys, clock, tmp_path: Path):
    witness.add_checkpoint(body(signers[0], 0, 8))
    again = Witness(tmp_path / "w1", [ONE], keys, clock)
    assert again.add_checkpoint(body(signers[0], 0, 9)).status == 409
    assert again.add_checkpoint(body(signers[0], 8, 9)).status == 200


def test_of_two_askers_at_once_one_is_first(witness: Witness, signers):
    """The race of the specification: a smaller size must not overwrite a larger one that was checked later."""
    witness.add_checkpoint(body(signers[0], 0, 2))
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(witness.add_checkpoint(body(signers[0], 2, n)).status))
        for n in range(3, 19)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 15


@given(st.binary())
def test_no_bytes_crash_the_parser(data: bytes):
    try:
        assert bytes(Request.parse(data)) == data
    except Malformed as flaw:
        assert flaw.code == "ledger.bad-witness-request"


@given(st.integers(0, 2**62), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.binary())
def test_requests_survive(old: int, path: list[bytes], note: bytes):
    assert Request.parse(bytes(Request(old, tuple(path), note))) == Request(old, tuple(path), note)


def test_a_witness_needs_timestamped_keys_of_one_name(tmp_path: Path, signers, keys, clock):
    for wrong in ([], signers, [ONE, TWO]):
        with pytest.raises(Malformed, match=r"ledger\.bad-keys"):
            Witness(tmp_path / "w", wrong, keys, clock)
    for wrong in ((), (keys[0],), (ONE.verifier, TWO.verifier)):
        with pytest.raises(Malformed, match=r"ledger\.bad-keys"):
            Peer(tuple(wrong), down)


# --- the log -----------------------------------------------------------------------------------------------------------------


def test_cosigning_is_an_act_and_the_note_is_kept(ledger: Ledger, home: Path, witness: Witness, keys, clock, act, tmp_path: Path):
    other = Witness(tmp_path / "w2", [TWO], keys, clock)
    ledger.append_many([act() for _ in range(5)])
    for _ in range(3):
        receipts = cosign(ledger, [peer(witness, ONE, ONE_PQ), peer(other, TWO)], quorum=2)
        assert [ledger.entry(r.index).entry.fields["witness"] for r in receipts] == [ONE.name, TWO.name]
        ledger.append(act())
    notes = ledger.witnessed()
    assert [size for size, _ in notes] == [6, 9, 12]
    witnesses = [ONE.verifier, ONE_PQ.verifier, TWO.verifier]
    for size, note in notes:
        assert open_checkpoint(note, keys, witnesses=witnesses, quorum=2) == Checkpoint(ledger.origin, size, ledger.root_at(size))
    assert verify(home, keys).flaws == ()


def test_a_witness_that_is_down_does_not_stop_the_others(ledger: Ledger, witness: Witness, act):
    ledger.append(act())
    peers = [Peer((TWO.verifier,), down), peer(witness, ONE, ONE_PQ)]
    assert len(cosign(ledger, peers)) == 1
    with pytest.raises(Unavailable, match=r"ledger\.no-quorum"):
        cosign(ledger, peers, quorum=2)
    assert len(ledger.witnessed()) == 2, "what came back is kept"


def test_a_witness_that_answers_badly_is_counted_as_down(ledger: Ledger, act):
    for status, answer in ((500, b""), (409, b"no number\n"), (404, b"")):
        with pytest.raises(Unavailable, match=r"ledger\.no-quorum.*w1: ledger\.witness-refused"):
            cosign(ledger, [Peer((ONE.verifier,), lambda _, s=status, a=answer: (s, a))])
    assert ledger.size == 1


@pytest.mark.parametrize(
    "answer", [b"", b"garbage", b"\xff", TWO.sign(Checkpoint("log.example/holder", 1, bytes(32)).text, 5).line.encode()]
)
def test_a_cosignature_that_does_not_verify_is_refused(ledger: Ledger, answer: bytes):
    with pytest.raises(Unverified, match=r"ledger\.bad-cosignature"):
        cosign(ledger, [Peer((ONE.verifier,), lambda _: (200, answer))])
    assert ledger.witnessed() == []


def test_a_log_that_forgot_what_the_witness_saw_asks_it(ledger: Ledger, home: Path, witness: Witness, act):
    cosign(ledger, [peer(witness, ONE, ONE_PQ)])
    shutil.rmtree(home / "witnessed")
    ledger.append(act())
    assert len(cosign(ledger, [peer(witness, ONE, ONE_PQ)])) == 1


def test_a_log_rolled_back_is_caught_by_its_witness(home: Path, witness: Witness, signers, clock, act):
    with Ledger.create(home, signers, clock) as ledger:
        ledger.append(act())
    older = home.with_name("older")
    shutil.copytree(home, older)
    with Ledger.open(home, signers, clock) as ledger:
        ledger.append_many([act() for _ in range(5)])
        cosign(ledger, [peer(witness, ONE, ONE_PQ)])
    with Ledger.open(older, signers, clock) as ledger:
        with pytest.raises(Unverified, match=r"ledger\.witness-conflict"):
            cosign(ledger, [peer(witness, ONE, ONE_PQ)])
        ledger.append_many([act() for _ in range(4)])  # as long as the true one
        with pytest.raises(Unverified, match=r"ledger\.witness-conflict"):
            cosign(ledger, [peer(witness, ONE, ONE_PQ)])
        ledger.append(act())
        with pytest.raises(Unverified, match=r"ledger\.witness-conflict"):
            cosign(ledger, [peer(witness, ONE, ONE_PQ)])


def test_a_kept_note_of_another_history_is_found(ledger: Ledger, home: Path, witness: Witness, signers, keys):
    cosign(ledger, [peer(witness, ONE, ONE_PQ)])
    fork = bytes(sign_note(Checkpoint(ledger.origin, 1, bytes(32)).text, signers))
    (home / "witnessed" / "1").write_bytes(fork)
    assert {(flaw.code, flaw.where) for flaw in examine(home, keys).flaws} == {("ledger.altered", "witnessed/1")}


# --- receipts and bundles ----------------------------------------------------------------------------------------------------


def test_a_person_can_check_a_receipt_alone(ledger: Ledger, witness: Witness, keys, act):
    place = ledger.append(act("m-7")).index
    leaf, state = open_receipt(receipt(ledger, place), keys)
    assert (leaf.index, leaf.value["matter"], state.size) == (place, "m-7", ledger.size)
    with pytest.raises(Refused, match=r"ledger\.not-witnessed"):
        receipt(ledger, place, witnessed=True)
    cosign(ledger, [peer(witness, ONE, ONE_PQ)])
    ledger.append_many([act() for _ in range(300)])
    cosign(ledger, [peer(witness, ONE, ONE_PQ)])
    data = receipt(ledger, place, witnessed=True)
    leaf, state = open_receipt(data, keys, witnesses=[ONE.verifier], quorum=1)
    assert (leaf.index, state.size) == (place, 2)
    with pytest.raises(Malformed, match=r"ledger\.no-such-entry"):
        receipt(ledger, ledger.size)


def test_a_bundle_can_show_the_witnessed_state(ledger: Ledger, witness: Witness, keys, act, tmp_path: Path):
    ledger.append(act("m-1"))
    with pytest.raises(Refused, match=r"ledger\.not-witnessed"):
        export(ledger, "m-1", tmp_path / "a", witnessed=True)
    cosign(ledger, [peer(witness, ONE, ONE_PQ)])
    export(ledger, "m-1", tmp_path / "b", witnessed=True)
    assert check_bundle(tmp_path / "b", keys, witnesses=[ONE.verifier], quorum=1).checkpoint.size == 2
    ledger.append(act("m-1"))
    with pytest.raises(Refused, match=r"ledger\.not-witnessed"):
        export(ledger, "m-1", tmp_path / "c", witnessed=True)


# --- over HTTP ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(witness: Witness) -> Iterator[WitnessServer]:
    with WitnessServer(witness) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_cosigning_works_over_http(ledger: Ledger, server: WitnessServer, keys, act):
    ledger.append_many([act() for _ in range(9)])
    over = Peer((ONE.verifier, ONE_PQ.verifier), post(server.url))
    for _ in range(3):
        cosign(ledger, [over])
    size, note = ledger.witnessed()[-1]
    assert open_checkpoint(note, keys, witnesses=[ONE.verifier, ONE_PQ.verifier], quorum=1).size == size


def test_the_server_refuses_what_is_too_large_or_elsewhere(server: WitnessServer):
    send: Callable[[bytes], tuple[int, bytes]] = post(server.url)
    assert send(b"nonsense")[0] == 400
    assert post(server.url + "/more")(b"nonsense")[0] == 404
    with suppress(Unavailable):  # the server may close while the body is on its way
        assert send(b"x" * (BODY_BYTES_MAX + 1))[0] == 413


def test_a_server_whose_memory_is_damaged_says_unavailable(server: WitnessServer, signers, tmp_path: Path):
    send = post(server.url)
    assert send(body(signers[0], 0, 8))[0] == 200
    (memory,) = (tmp_path / "w1" / "seen").iterdir()
    memory.write_bytes(b"garbage")
    assert send(body(signers[0], 8, 9)) == (503, b"")


def test_an_unreachable_witness_is_unavailable(server: WitnessServer):
    with pytest.raises(Unavailable, match=r"ledger\.no-socket"):
        WitnessServer(server.witness, port=server.server_address[1])
    with pytest.raises(Unavailable, match=r"ledger\.unreachable"):
        post("http://127.0.0.1:9/add-checkpoint", timeout_seconds=2)(b"x")
    with pytest.raises(Malformed, match=r"ledger\.bad-url"):
        post("file:///etc/passwd")
