"""What others attest about a home's log, asked for by commands: a witness that runs, a timestamp, a receipt, and its health."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import PASSPHRASE, Terminal, running

from incamera.clerk import attest
from incamera.clerk.home import Home
from incamera.core.errors import Error, Malformed
from incamera_verify.note import Verifier
from incamera_verify.proof import open_receipt


def test_a_witness_remembers_and_a_receipt_shows_it(desk: Terminal, tmp_path: Path) -> None:
    keys = [row["key"] for row in desk.run("ledger", "keys").rows]
    assert [Verifier.parse(key).name for key in keys] == ["holder.example/ledger"] * 2
    made = desk.run("witness", "keygen", tmp_path / "witness.key", "--name", "court.example/witness").json
    assert (tmp_path / "witness.key").stat().st_mode & 0o777 == 0o600
    again = desk.run("witness", "keygen", tmp_path / "witness.key", "--name", "court.example/witness")
    assert again.flaw == "attest.file-exists"
    logs = [word for key in keys for word in ("--log", key)]
    serve = ["witness", "serve", "--key", tmp_path / "witness.key", *logs, "--directory", tmp_path / "seen", "--port", 0]
    named = [word for key in made["keys"] for word in ("--key", key)]
    with running(serve) as (_, ready):
        asked = desk.run("ledger", "witness", "--url", ready["url"], *named).json
        assert asked["witness"] == "court.example/witness"
        refused = desk.run("ledger", "witness", "--url", ready["url"], "--key", keys[0])
        assert refused.flaw == "ledger.bad-keys", "the log is no witness of itself"
    assert desk.run("ledger", "receipt", 0, "--out", tmp_path / "act.tlog-proof", "--witnessed").json["entry"] == 0
    opened = open_receipt(
        (tmp_path / "act.tlog-proof").read_bytes(),
        [Verifier.parse(key) for key in keys],
        witnesses=[Verifier.parse(key) for key in made["keys"]],
        quorum=1,
    )
    assert opened[1].size == asked["size"]
    assert desk.run("ledger", "receipt", 0, "--out", tmp_path / "act.tlog-proof").flaw == "attest.file-exists"
    assert desk.run("ledger", "witness", "--url", ready["url"], *named).code == 7, "it has gone"


def test_a_checkpoint_is_kept_by_others(desk: Terminal, tmp_path: Path) -> None:
    shown = desk.run("ledger", "checkpoint", "--out", tmp_path / "state.checkpoint").json
    assert (tmp_path / "state.checkpoint").read_text() == shown["note"]
    assert shown["note"].count("\u2014 holder.example/ledger ") == 2


@pytest.mark.parametrize("spoil", ["gone", "exposed"])
def test_a_witness_whose_key_is_not_its_own(tmp_path: Path, spoil: str) -> None:
    key = tmp_path / "witness.key"
    if spoil == "exposed":
        attest.witness_key(key, "court.example/witness")
        key.chmod(0o644)
    with pytest.raises(Error) as caught:
        attest.witness_server(key, [], tmp_path, "127.0.0.1", 0)
    assert caught.value.code == {"gone": "attest.no-witness-key", "exposed": "attest.exposed-key"}[spoil]


def test_a_root_that_is_no_certificate(desk: Terminal, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("not a certificate")
    with Home.open(desk.home, passphrase=PASSPHRASE) as home, pytest.raises(Malformed, match=r"attest\.bad-certificate"):
        attest.stamp(home, "http://127.0.0.1:9/", "tsa", [tmp_path / "root.pem"], [])


def test_fsck_names_every_flaw_and_repairs_what_it_can(desk: Terminal) -> None:
    assert desk.run("ledger", "fsck").json["flaws"] == []
    tile = next(path for path in (desk.home / "ledger" / "tile" / "0").rglob("*") if path.is_file())
    tile.write_bytes(bytes(len(tile.read_bytes())))
    flawed = desk.run("ledger", "fsck")
    assert flawed.code == 5 and "tile/0" in flawed.out
    assert desk.run("ledger", "fsck", "--repair").json["flaws"] == []
    assert desk.run("ledger", "fsck").json["flaws"] == []
    assert [row["act"] for row in desk.run("ledger", "show").rows][-1] == "ledger.repaired"
