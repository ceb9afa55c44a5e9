"""Nothing leaves that is not under a recorded decision: the type checker is the first lock, the gate the second."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from incamera.core.errors import Refused
from incamera.core.ids import Digest, new_ref
from incamera.core.records import Cleared, Entry
from incamera.production.gate import Gate
from incamera.testing.volumes import MATTER, World
from incamera_verify.note import Signer


def _gate(matter: World) -> Gate:
    return Gate(MATTER, matter.evidence.leaves, matter.evidence.log)


def _refused(gate: Gate, item: object) -> Refused:
    with pytest.raises(Refused) as flaw:
        gate.admit(item)  # type: ignore[arg-type]
    assert flaw.value.code == "production.not-cleared"
    return flaw.value


def test_a_cleared_item_passes(matter: World) -> None:
    for item in matter.items:
        assert _gate(matter).admit(item)["recipe"] == item.redacted.recipe


def test_other_types_do_not(matter: World) -> None:
    assert "Redacted" in str(_refused(_gate(matter), matter.items[0].redacted))


def test_text_changed_after_the_decision(matter: World) -> None:
    item = matter.items[0]
    turn = item.redacted.turns[0]
    part = replace(turn.parts[0], text=turn.parts[0].text + " and one more thing")
    altered = replace(item.redacted, turns=(replace(turn, parts=(part, *turn.parts[1:])), *item.redacted.turns[1:]))
    flaw = _refused(_gate(matter), replace(item, redacted=altered))
    assert item.conversation in str(flaw)
    assert "one more thing" not in str(flaw)


@pytest.mark.parametrize("change", ["conversation", "row", "rows", "proof", "call", "matter", "target"])
def test_every_link_is_checked(matter: World, change: str) -> None:
    item = matter.items[1]
    altered: Cleared = {
        "conversation": lambda: replace(item, conversation=new_ref()),
        "row": lambda: replace(item, row=item.row + 1),
        "rows": lambda: replace(item, rows=item.rows + 7),
        "proof": lambda: replace(item, proof=item.proof[:-1]),
        "call": lambda: replace(item, decision=replace(item.decision, call="withhold")),
        "matter": lambda: replace(item, decision=replace(item.decision, matter="99-cv-1")),
        "target": lambda: replace(item, decision=replace(item.decision, target=Digest("0" * 64))),
    }[change]()
    _refused(_gate(matter), altered)


def test_a_receipt_of_another_act(matter: World) -> None:
    item = matter.items[0]
    _refused(_gate(matter), replace(item, receipt=matter.ledger.inclusion(1)))


def test_a_receipt_for_an_index_that_is_not_there(matter: World) -> None:
    item = matter.items[0]
    _refused(_gate(matter), replace(item, receipt=replace(item.receipt, index=10**6)))


def test_a_decision_to_withhold_does_not_produce(matter: World) -> None:
    """A forged Decision cannot turn the ledger's `withhold` into `produce`."""
    item = matter.items[0]
    fields = {"target": item.decision.target, "call": "withhold", "reason": "PRIV-AC"}
    receipt = matter.ledger.append(Entry(act="decision.recorded", matter="24-cv-00002", actor="reviewer-1", fields=fields))
    _refused(_gate(matter), replace(item, receipt=receipt))


def test_a_checkpoint_signed_by_another_key(matter: World) -> None:
    gate = Gate(MATTER, matter.evidence.leaves, (Signer.generate(matter.log_key.name).verifier,))
    _refused(gate, matter.items[0])


_SNIPPET = """
    from incamera.core.records import Cleared, Conversation, Redacted
    from incamera.production.gate import Gate
    from incamera.production.package import build

    def leak(gate: Gate, raw: Conversation, text: Redacted, item: Cleared) -> None:
        gate.admit(raw)
        gate.admit(text)
        gate.admit(item)
        build([raw], terms=..., evidence=..., sampled=..., signer=..., out=...)  # type: ignore[arg-type]
        build([text], **{})  # not Cleared
"""


def test_the_type_checker_refuses_conversation_and_redacted(tmp_path: Path) -> None:
    """`mypy --strict` on a snippet that tries: two errors at the gate and one at `build`, none for a Cleared."""
    from mypy import api

    snippet = tmp_path / "snippet.py"
    snippet.write_text(textwrap.dedent(_SNIPPET))
    config = Path(__file__).resolve().parents[3] / "pyproject.toml"
    out, problems, _ = api.run(["--strict", "--config-file", str(config), "--cache-dir", str(tmp_path / "cache"), str(snippet)])
    assert not problems
    lines = [line for line in out.splitlines() if "snippet.py" in line and "error:" in line]
    assert any(":7:" in line and '"Conversation"; expected "Cleared"' in line for line in lines), out
    assert any(":8:" in line and '"Redacted"; expected "Cleared"' in line for line in lines), out
    assert not any(":9:" in line for line in lines), out
    assert any(":11:" in line and '"Redacted"; expected "Cleared"' in line for line in lines), out
