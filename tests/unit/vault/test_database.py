"""Databases and keys when the world is in the way: damaged, newer, locked, exhausted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.testing.places import Place
from incamera.testing.vaults import PASSPHRASE, conversation
from incamera.vault import keys as keys_
from incamera.vault import kms as kms_
from incamera.vault.database import HEADS
from incamera.vault.keys import Keyring
from incamera.vault.kms import LocalKms

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("lineage", ["keys", "state"])
def test_the_stated_heads_are_those_of_the_migrations(lineage: str) -> None:
    folder = ROOT / "src" / "incamera" / "vault" / "migrations" / lineage
    found = {
        m[1]: m[2] for p in folder.glob("*.py") if (m := re.search(r'revision = "(\w+)"\ndown_revision = (\S+)', p.read_text()))
    }
    (head,) = set(found) - {down.strip('"') for down in found.values()}
    assert HEADS[lineage] == head


def code(expected: type[Error], action: Any) -> str:
    with pytest.raises(expected) as caught:
        action()
    return caught.value.code


def test_a_newer_database_is_left_alone(fill: Any) -> None:
    place = fill(1)
    keys = place.vault.keyring.database
    with keys.begin() as connection:
        keys.execute(connection, "UPDATE migration SET version_num = 'keys_9999'")
    assert code(Malformed, place.reopen) == "vault.newer-format"
    assert keys.one("SELECT version_num FROM migration") == ("keys_9999",)


def test_a_damaged_database_is_told(fill: Any) -> None:
    place = fill(30)
    place.vault.close()
    path = place.home / "state.db"
    raw = bytearray(path.read_bytes())
    raw[100:5000] = b"\xff" * 4900
    path.write_bytes(raw)
    assert code(Unverified, place.reopen) == "vault.damaged-database"


def test_a_file_that_is_no_database_is_told(fill: Any) -> None:
    place = fill(1)
    place.vault.close()
    (place.home / "keys.db").write_bytes(b"not a database at all " * 100)
    assert code(Unverified, place.reopen) == "vault.damaged-database"


def test_a_locked_database_is_told(place: Place) -> None:
    keys = place.vault.keyring.database

    def second() -> None:
        with keys.engine.connect() as waiting:
            waiting.exec_driver_sql("PRAGMA busy_timeout=50")
            with keys.translate():
                waiting.exec_driver_sql("UPDATE meta SET value = value")

    with keys.begin() as connection:
        keys.execute(connection, "UPDATE meta SET value = value")
        assert code(Unavailable, second) == "vault.busy"


def test_a_refused_statement_shows_no_parameter(place: Place) -> None:
    keys = place.vault.keyring.database

    def twice() -> None:
        with keys.begin() as connection:
            keys.execute(connection, "INSERT INTO meta (name, value) VALUES (?, ?)", ("tenant", "sesame-street"))

    with pytest.raises(Unavailable) as caught:
        twice()
    assert caught.value.code == "vault.database"
    assert "sesame" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_a_database_without_a_vault_or_an_epoch_is_told(place: Place) -> None:
    keys = place.vault.keyring.database
    with keys.begin() as connection:
        keys.execute(connection, "UPDATE epoch SET closed_at = '2026-01-01T00:00:00Z'")
    assert code(Malformed, place.reopen) == "vault.no-epoch"
    with keys.begin() as connection:
        keys.execute(connection, "DELETE FROM meta")
    assert code(Malformed, place.reopen) == "vault.not-a-vault"


def test_an_epoch_key_does_not_wrap_beyond_its_limit(fill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = fill(7)
    monkeypatch.setattr(keys_, "WRAPS_MAX", 12)
    assert code(Refused, lambda: place.vault.put([conversation(n, subjects=99) for n in range(7, 20)])) == "vault.epoch-exhausted"
    assert place.vault.stats().conversations == 7
    place.vault.roll_epoch(actor="holder")
    monkeypatch.setattr(keys_, "WRAPS_MAX", 1 << 31)
    assert place.vault.put([conversation(n, subjects=99) for n in range(7, 20)]).stored == 13


def test_a_keyring_from_before_a_roll_wraps_nothing_more(place: Place) -> None:
    old = Keyring(place.vault.keyring.database, place.kms(), clock=place.clock)
    place.vault.roll_epoch(actor="holder")
    assert code(Unavailable, lambda: old.keep_secret("late", b"x")) == "vault.epoch-closed"


def test_without_argon2_nothing_is_opened(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.kdf import argon2

    class Missing:
        def __init__(self, **_: object) -> None:
            raise UnsupportedAlgorithm("no argon2 here")

    monkeypatch.setattr(argon2, "Argon2id", Missing)
    assert code(Unavailable, lambda: LocalKms.open(place.home / "kms.json", PASSPHRASE)) == "vault.kms-kdf"
    assert kms_.LOCAL_VERSION == "incamera/kms-local/1"


def test_a_secret_is_kept_once_and_survives_a_roll(place: Place) -> None:
    keyring = place.vault.keyring
    keyring.keep_secret("signer", b"seed")
    assert code(Unavailable, lambda: keyring.keep_secret("signer", b"other")) == "vault.exists"
    place.vault.roll_epoch(actor="holder")
    assert place.reopen().keyring.secret("signer") == b"seed"
    assert place.vault.keyring.secret("nothing") is None


def test_a_limit_on_file_sizes_is_a_full_disk(tmp_path: Path) -> None:
    """SQLite tells a write beyond a quota or limit as an input/output error; a person has to make room all the same."""
    script = """
import resource, sys
from pathlib import Path
from incamera.core.errors import Unavailable
from incamera.vault.database import Database
database = Database.at(Path(sys.argv[1]) / "keys.db", "keys", create=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    with database.begin() as connection:
        database.execute(connection, "CREATE TABLE t (x BLOB)")
        database.execute_many(connection, "INSERT INTO t VALUES (?)", [(bytes(100_000),)] * 200)
except Unavailable as flaw:
    print(flaw.code, flaw.where)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["vault.disk-full", "keys.db"]


def test_a_vault_of_before_there_were_classes_is_brought_up_to_date(fill: Any) -> None:
    """Its databases as the first revision left them: everything opens, and everything is operator-held."""
    place = fill(14)
    keys, state = place.vault.keyring.database, place.vault._state
    with keys.begin() as connection:
        for table in ("unsealed", "unsealing", "switching"):
            keys.execute(connection, f"DROP TABLE {table}")
        keys.execute(connection, "UPDATE migration SET version_num = 'keys_0001'")
    with state.begin() as connection:
        state.execute(connection, "ALTER TABLE subject DROP COLUMN class")
        state.execute(connection, "DROP TABLE held_key")
        state.execute(connection, "UPDATE migration SET version_num = 'state_0001'")
    place.reopen()
    assert place.readable() == {f"c{n}" for n in range(14)}
    assert dict(place.vault.stats().custody) == {"operator": 14, "escrowed": 0, "user": 0}
    assert place.vault.put([conversation(15)]).stored == 1
