"""A home moves from one key service to another: nothing is rewritten, nothing is lost, and nothing of the old one opens it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import key_services
import pytest
from commands import PASSPHRASE, Terminal, acts
from key_services import Service
from parties import Matter

from incamera.clerk import rekey
from incamera.clerk.home import Home
from incamera.core.errors import Malformed
from incamera.vault import kms_move
from incamera.vault.database import Database

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def transit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    with key_services.transit(monkeypatch, tmp_path) as running:
        yield running


@pytest.fixture
def desk(terminal: Terminal, matter: Matter) -> Terminal:
    """A local home with the small log, once rolled and not destroyed: two living epochs."""
    terminal.run("init", "holder.example/ledger", "--kms", "local").json
    terminal.run("ingest", matter.conversations).json
    terminal.run("vault", "rotate").json
    return terminal


def data(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "vault").glob("*.parquet")}


def test_from_a_local_file_to_a_server_and_on_to_a_module(
    desk: Terminal, transit: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, facts = data(desk.home), (desk.home / "home.toml").read_text()
    shutil.copytree(desk.home, tmp_path / "backup")
    move = ("vault", "rekey", "--kms", transit.address)
    would = desk.run(*move).json
    assert (would["carried_out"], would["epochs"], would["before"], would["kms"]) == (False, 2, "local", "transit")
    assert (desk.home / "home.toml").read_text() == facts and "epoch.moved" not in acts(desk), "nothing was done yet"
    assert desk.run(*move, "--yes").json["carried_out"]
    assert data(desk.home) == before, "not a byte of data was rewritten"
    assert not (desk.home / "secrets" / "kms.json").exists()
    monkeypatch.delenv("INCAMERA_PASSPHRASE")
    stats = desk.run("vault", "stats").json
    assert (stats["kms"], stats["kms_address"], stats["conversations"]) == ("transit", transit.address, 12)
    told = desk.run("ledger", "show").rows[-1]
    assert told["act"] == "epoch.moved"
    assert (told["fields"]["epochs"], told["fields"]["before"], told["fields"]["kms"]) == (2, "local", "transit")
    assert desk.run("vault", "check").json["rows"] == 12
    assert desk.run(*move, "--yes").flaw == "rekey.same"
    # On to a hardware module; the backup from the transit days opens nothing there, for its roots are gone.
    shutil.copytree(desk.home, tmp_path / "second")
    place = tmp_path / "hsm"
    place.mkdir()
    with key_services.pkcs11(monkeypatch, place) as module:
        desk.run("vault", "rekey", "--kms", module.address, "--yes").json
        assert desk.run("vault", "stats").json["kms"] == "pkcs11"
        assert desk.run("vault", "roll", "--grace-days", 0, "--yes").json["destroyed"] == [1, 2]
        assert desk.run("vault", "check").json["rows"] == 12
        assert desk.run("vault", "stats", home=tmp_path / "second").flaw == "vault.epoch-destroyed"


@pytest.mark.parametrize(
    ("when", "moment"), [("before", "write_atomically"), ("before", "_record"), ("before", "_destroy"), ("after", "_destroy")]
)
def test_killed_in_the_midst_it_is_finished_by_the_same_command(
    desk: Terminal, transit: Service, monkeypatch: pytest.MonkeyPatch, moment: str, when: str
) -> None:
    true: Callable[..., object] = getattr(rekey, moment)

    def cut(*arguments: object) -> None:
        if when == "after":
            true(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(rekey, moment, cut)
    move = ("vault", "rekey", "--kms", transit.address, "--yes")
    assert desk.run(*move).code == 130
    monkeypatch.setattr(rekey, moment, true)
    if (moment, when) == ("_destroy", "after"):
        assert desk.run(*move).flaw == "rekey.same", "it was done"
    else:
        assert desk.run("vault", "rekey", "--kms", "local", "--yes").flaw == "rekey.unfinished"
        assert desk.run(*move).json["carried_out"]
    assert acts(desk).count("epoch.moved") == 1
    assert desk.run("vault", "check").json["rows"] == 12
    assert not (desk.home / "secrets" / "kms.json").exists()
    assert desk.run("ledger", "fsck").json["flaws"] == []


@pytest.mark.parametrize("gone", ["make", "wrap", "unwrap"])
def test_a_new_service_that_refuses_changes_nothing(desk: Terminal, transit: Service, gone: str) -> None:
    facts, file = (desk.home / "home.toml").read_text(), (desk.home / "secrets" / "kms.json").read_text()
    transit.forbid(gone)
    assert desk.run("vault", "rekey", "--kms", transit.address, "--yes").flaw == "vault.kms-permission"
    assert ((desk.home / "home.toml").read_text(), (desk.home / "secrets" / "kms.json").read_text()) == (facts, file)
    assert desk.run("vault", "check").json["rows"] == 12


def test_an_old_service_that_refuses_to_destroy_is_asked_again(desk: Terminal, transit: Service, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("another passphrase\n")
    (tmp_path / "new").chmod(0o600)
    desk.run("vault", "rekey", "--kms", transit.address, "--yes").json
    transit.forbid("destroy")
    back = ("vault", "rekey", "--kms", "local", "--new-passphrase-file", tmp_path / "new", "--yes")
    assert desk.run(*back).flaw == "vault.kms-permission"
    with_new = ("--passphrase-file", tmp_path / "new")
    assert desk.run("vault", "stats", *with_new).json["kms"] == "local", "it lives under the new one already"
    assert [row["act"] for row in desk.run("ledger", "show", *with_new).rows][-2:] == ["epoch.moved", "epoch.refused"]
    transit.allow()
    assert desk.run(*back).json["carried_out"]
    assert desk.run(*back).flaw == "rekey.same"
    assert desk.run("vault", "check", *with_new).json["rows"] == 12
    assert desk.run("vault", "check").flaw == "vault.kms-passphrase"


def test_what_was_left_behind_and_is_damaged_is_said(desk: Terminal, transit: Service) -> None:
    with Home.open(desk.home, passphrase=PASSPHRASE) as home, home._keyring() as keyring:
        for value in ("{", "[]", '{"roots": 1}', '{"before": "local"}'):
            with keyring.database.begin() as connection:
                keyring.database.execute(connection, "DELETE FROM meta WHERE name = 'kms-left'")
                keyring.database.execute(connection, "INSERT INTO meta (name, value) VALUES ('kms-left', ?)", (value,))
            database = Database.at(desk.home / "keys.db", "keys", create=False)
            with pytest.raises(Malformed) as caught:
                kms_move.unfinished(database)
            assert caught.value.code == "vault.kms-left"
            database.close()
