"""The exported ledger of a matter: the verifier accepts it, and it says nothing of other matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from incamera.core.errors import Malformed
from incamera.ledger import Ledger, export
from incamera_verify.note import Checkpoint, Note
from incamera_verify.tiles import check_bundle


def test_a_bundle_verifies_with_every_earlier_state_pinned(ledger: Ledger, tmp_path: Path, keys, act):
    pins, mine = [], []
    for i in range(40):
        receipts = ledger.append_many([act("m-1"), act(f"m-{i % 4}"), act("m-2")])
        pins.append(Checkpoint.parse(Note.parse(receipts[0].checkpoint.encode()).text))
        if i == 20:
            ledger.publish()
    mine = list(ledger.entries("m-1"))
    state = export(ledger, "m-1", tmp_path / "LEDGER")
    bundle = check_bundle(tmp_path / "LEDGER", keys, pins)
    assert bundle.checkpoint == state == pins[-1]
    assert [(leaf.index, leaf.raw) for leaf in bundle.entries] == [(r.index, r.leaf) for r in mine]
    assert list(bundle.history) == pins, "each state in which an act of the matter was receipted"


def test_history_holds_the_states_of_this_matter_only(ledger: Ledger, tmp_path: Path, keys, act):
    sizes = []
    for i in range(30):
        ledger.append(act("m-1" if i % 10 == 0 else "m-2"))
        if i % 10 == 0:
            sizes.append(ledger.size)
    export(ledger, "m-1", tmp_path / "LEDGER")
    bundle = check_bundle(tmp_path / "LEDGER", keys)
    assert [state.size for state in bundle.history] == sizes
    assert bundle.checkpoint.size == ledger.size


@pytest.mark.parametrize("count", [0, 254, 255, 256, 600])
def test_bundles_of_all_widths_verify(ledger: Ledger, tmp_path: Path, keys, act, count: int):
    ledger.append(act("m-1"))
    ledger.append_many([act("m-2") for _ in range(count)])
    export(ledger, "m-1", tmp_path / "LEDGER")
    bundle = check_bundle(tmp_path / "LEDGER", keys)
    assert (len(bundle.entries), bundle.checkpoint.size) == (1, 2 + count)


def test_nothing_of_another_matter_leaves(ledger: Ledger, tmp_path: Path, act):
    theirs = act("m-secret")
    ledger.append(theirs)
    ledger.append(act("m-1"))
    export(ledger, "m-1", tmp_path / "LEDGER")
    for path in (tmp_path / "LEDGER").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"m-secret" not in data
            assert str(theirs.fields["run"]).encode() not in data


def test_what_cannot_be_exported_is_named(ledger: Ledger, tmp_path: Path, act):
    with pytest.raises(Malformed, match=r"ledger\.no-such-matter"):
        export(ledger, "m-1", tmp_path / "LEDGER")
    ledger.append(act("m-1"))
    export(ledger, "m-1", tmp_path / "LEDGER")
    with pytest.raises(Malformed, match=r"ledger\.export-exists"):
        export(ledger, "m-1", tmp_path / "LEDGER")
