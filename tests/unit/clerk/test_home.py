"""A home's keys: where they lie, that a roll reaches them, and that a home of version 1 is brought over whatever happens."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from incamera.clerk import access, homefile
from incamera.clerk.home import LEDGER_SECRET, MANIFEST_SECRET, MATTER_SECRET, Home, _NoLedger
from incamera.core.errors import Malformed, Unavailable
from incamera.core.records import Entry
from incamera.vault.embedded import GRANT_SECRET
from incamera_verify.note import Algorithm, Note, Signer, open_checkpoint

PASSPHRASE = "a passphrase"
ORIGIN = "holder.example/ledger"


pytestmark = pytest.mark.usefixtures("cheap_kms")


def made(path: Path) -> Home:
    return Home.create(path, origin=ORIGIN, passphrase=PASSPHRASE)


def opened(path: Path) -> Home:
    return Home.open(path, passphrase=PASSPHRASE)


def test_a_new_home_signs_with_both_algorithms(tmp_path: Path) -> None:
    with made(tmp_path / "home") as home:
        kinds = [key.algorithm for key in home.ledger_keys]
        assert kinds == [Algorithm.ED25519, Algorithm.COSIGNATURE_MLDSA44]
        note = home.ledger.checkpoint().encode()
        assert len(Note.parse(note).signatures) == 2
        assert open_checkpoint(note, home.ledger_keys).origin == ORIGIN
        assert [entry["keys"] for entry in (past.entry.fields for past in home.ledger.entries()) if "keys" in entry][0]  # noqa: RUF015
        assert home.public()["ledger_key"] == home.log_key


def test_a_roll_reaches_the_homes_own_keys(tmp_path: Path) -> None:
    with made(tmp_path / "home") as home:
        signer, grant_key = home.ledger_signers, home.grant_key
        home.vault.keyring.database.checkpoint()
        shutil.copytree(home.path, tmp_path / "backup")
        home.vault.roll_epoch(actor="holder")
    with opened(tmp_path / "home") as again:
        assert (again.ledger_signers, again.grant_key) == (signer, grant_key)
        again.ledger.append(
            Entry(act="vault.compacted", matter="", actor="x", fields={"files": 0, "purged": 0, "bytes_freed": 0})
        )
    shutil.copyfile(tmp_path / "home/secrets/kms.json", tmp_path / "backup/secrets/kms.json")  # a KMS is in no backup
    with pytest.raises(Unavailable, match=r"vault\.epoch-destroyed"), opened(tmp_path / "backup") as old:
        old.ledger


def test_a_home_that_is_being_made_has_no_ledger() -> None:
    with pytest.raises(Unavailable, match=r"home\.no-ledger"):
        _NoLedger().append_many([Entry(act="log.created", matter="", actor="x", fields={})])


# --- version 1 --------------------------------------------------------------------------------------------------------


def version_1(path: Path) -> dict[str, bytes]:
    """Make the home at *path* one of version 1: an Ed25519 log, and every secret in a file under the KMS's first epoch."""
    with made(path) as home:
        kept = dict(home._secrets)
        shutil.rmtree(path / "ledger")
        signer = Signer.generate(ORIGIN)
        kept[LEDGER_SECRET] = signer.text.encode()
        from incamera.ledger.log import Ledger

        Ledger.create(path / "ledger", [signer], home.clock).close()
        epoch = home.kms.new_epoch()
        for name, value in kept.items():
            context = {"use": "incamera/home/secret/1", "origin": ORIGIN, "name": name}
            (path / "secrets" / f"{name}.wrapped").write_bytes(home.kms.wrap(epoch, value, context))
        with home._keyring() as keyring, keyring.database.begin() as connection:
            for name in kept:
                keyring.database.execute(connection, "DELETE FROM secret WHERE name = ?", (name,))
    (path / "home.toml").write_text(
        f'version = "incamera/home/1"\norigin = "{ORIGIN}"\nkms = "local"\nepoch = "{epoch}"\ndemonstration = false\n'
    )
    return kept


def test_a_home_of_version_1_is_brought_over(tmp_path: Path) -> None:
    kept = version_1(tmp_path / "home")
    for _ in range(2):
        with opened(tmp_path / "home") as home:
            assert home.ledger_signer.text.encode() == kept[LEDGER_SECRET]
            assert len(home.ledger_keys) == 1, "a log's keys are its name, for good"
            assert home.grant_key == kept[GRANT_SECRET]
            assert home.manifest_signer.text.encode() == kept[MANIFEST_SECRET]
            assert home._secrets[MATTER_SECRET] == kept[MATTER_SECRET]
            assert home.vault.grant_key == kept[GRANT_SECRET]
            assert home.ledger.size == 1
        assert not list((tmp_path / "home/secrets").glob("*.wrapped"))
        assert homefile.read_facts(tmp_path / "home").epoch is None


@pytest.mark.parametrize("moment", ["bring_secrets", "write_atomically", "remove_wrapped"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_it_is_brought_over_it_is_brought_over_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, when: str
) -> None:
    from incamera.clerk import home as room

    kept = version_1(tmp_path / "home")
    true: Callable[..., object] = getattr(room, moment)

    def cut(*arguments: object, **named: object) -> None:
        if when == "after":
            true(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(room, moment, cut)
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path / "home")
    monkeypatch.setattr(room, moment, true)
    with opened(tmp_path / "home") as home:
        assert home.grant_key == kept[GRANT_SECRET] and home.ledger.size == 1
    assert not list((tmp_path / "home/secrets").glob("*.wrapped"))


def test_a_home_of_version_1_that_lost_a_key_says_which(tmp_path: Path) -> None:
    version_1(tmp_path / "home")
    (tmp_path / "home/secrets/matter.wrapped").unlink()
    with pytest.raises(Unavailable, match=r"home\.key-missing.*secret matter"):
        opened(tmp_path / "home")


# --- by which approvers name a home ------------------------------------------------------------------------------------


@pytest.mark.parametrize("log", ["", "holder.example/ledger", "x+00000000+AAAA", "mldsa"])
def test_a_log_is_named_by_its_ed25519_key(log: str) -> None:
    if log == "mldsa":
        log = Signer.generate(ORIGIN, Algorithm.COSIGNATURE_MLDSA44).verifier.text
    with pytest.raises(Malformed, match=r"access\.bad-log"):
        access.request_of(None, log)  # type: ignore[arg-type]


def test_secrets_do_not_show(tmp_path: Path) -> None:
    with made(tmp_path / "home") as home:
        shown = repr(home) + repr(home.ledger_signers) + repr(home.gate) + str(home.public())
        for secret in home._secrets.values():
            assert secret.hex() not in shown and secret.decode("latin-1") not in shown
    assert secrets.token_bytes(8) not in (tmp_path / "home/home.toml").read_bytes()
