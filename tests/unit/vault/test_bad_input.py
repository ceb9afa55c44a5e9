"""What goes wrong in the middle: refused, explained, recorded, and nothing that was stored is lost."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from incamera import disk
from incamera.core.errors import Refused, Unavailable
from incamera.testing.places import Place
from incamera.testing.vaults import examine
from incamera.vault import within as within_
from incamera.vault.pairs import TRUSTEES

EVERYTHING = {f"c{n}" for n in range(14)}


@pytest.fixture
def filled(fill: Any) -> Place:
    return fill(14)  # type: ignore[no-any-return]


def scanning(place: Place, grant: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A scan that asks for one conversation at a time."""
    monkeypatch.setattr(within_, "WINDOW_ROWS", 1)
    (fragment,) = place.vault.fragments()
    step = place.vault.within(grant, examine)
    return step(batch.slice(n, 1) for batch in fragment.read() for n in range(batch.num_rows))


def test_a_grant_revoked_in_mid_scan_is_refused_at_the_next_batch_and_told(
    filled: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = filled.grant()
    scan = scanning(filled, grant, monkeypatch)
    done = [next(scan) for _ in range(3)]
    filled.vault.broker.revoke(grant)
    with pytest.raises(Refused) as caught:
        next(scan)
    assert caught.value.code == "vault.grant-revoked"
    assert filled.ledger.acts().count("key.released") == 3
    told = [entry.fields for entry in filled.ledger.entries if entry.act == "access.refused"]
    assert [one["code"] for one in told] == ["vault.grant-revoked"]
    fresh = filled.grant()  # what was examined before is not lost: another grant of the matter reads it, and goes on
    assert sum(batch.num_rows for batch in filled.vault.unseal(fresh, done)) == 3
    assert filled.readable(fresh) == EVERYTHING


class Away:
    """A KMS whose permission was taken away since; it still says its name."""

    warning = None

    def __init__(self, true: Any, *, after: int) -> None:
        self.name, self._true, self._left = true.name, true, after

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            if self._left == 0:
                raise Unavailable("vault.kms-permission", "the KMS refuses this identity", where="kms")
            self._left -= 1
            return getattr(self._true, name)(*args)

        return call


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_kms_that_refuses_during_a_roll_changes_nothing(filled: Place, after: int) -> None:
    keyring = filled.vault.keyring
    keyring.kms = Away(keyring.kms, after=after)
    with pytest.raises(Unavailable) as caught:
        filled.vault.roll_epoch(actor="holder")
    assert caught.value.code == "vault.kms-permission"
    assert "epoch.rolled" not in filled.ledger.acts()
    assert filled.ledger.acts()[-1] == "epoch.refused"
    filled.reopen()
    assert filled.vault.stats().epoch == 1
    assert filled.readable() == EVERYTHING
    filled.vault.roll_epoch(actor="holder")
    assert filled.readable() == EVERYTHING


def test_a_kms_that_refuses_to_destroy_keeps_the_roll_and_both_epochs(filled: Place) -> None:
    keyring = filled.vault.keyring
    keyring.kms = Away(keyring.kms, after=3)  # all passes but the destruction: the new epoch, its wrapping, the look
    with pytest.raises(Unavailable):
        filled.vault.roll_epoch(actor="holder")
    assert filled.ledger.acts()[-2:] == ["epoch.rolled", "epoch.refused"]
    filled.reopen()
    assert filled.vault.stats().epoch == 2
    assert filled.readable() == EVERYTHING
    report = filled.vault.roll_epoch(actor="holder")
    assert report.destroyed == (1, 2)
    assert filled.readable() == EVERYTHING


def test_a_kms_that_refuses_at_opening_is_told(filled: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.vault.close()
    away = Away(filled.kms(), after=0)
    monkeypatch.setattr(filled, "kms", lambda: away)
    with pytest.raises(Unavailable) as caught:
        filled.reopen()
    assert caught.value.code == "vault.kms-permission"
    monkeypatch.undo()
    filled.reopen()
    assert filled.readable() == EVERYTHING


@pytest.mark.parametrize("cause", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_in_a_switch_leaves_everything_as_it_was(filled: Place, monkeypatch: pytest.MonkeyPatch, cause: int) -> None:
    keys = {name: X25519PrivateKey.generate().public_key().public_bytes_raw().hex() for name in TRUSTEES}
    filled.vault.recovery.name_trustees(keys)

    def full(stream: BinaryIO) -> None:
        raise OSError(cause, "no room")

    monkeypatch.setattr(disk, "_flush", full)
    with pytest.raises(Unavailable) as caught:
        filled.vault.switch_class(filled.subject(1), "escrowed", grant=filled.grant())
    assert caught.value.code == "vault.disk-full"
    monkeypatch.undo()
    assert "class.switched" not in filled.ledger.acts()
    assert filled.readable() == EVERYTHING
    filled.reopen()
    assert filled.vault.check() == 14
    assert len(list((filled.home / "vault").glob("*.parquet"))) == 1


def test_a_damaged_file_stops_a_switch_before_anything_is_changed(filled: Place) -> None:
    keys = {name: X25519PrivateKey.generate().public_key().public_bytes_raw().hex() for name in TRUSTEES}
    filled.vault.recovery.name_trustees(keys)
    (path,) = (filled.home / "vault").glob("*.parquet")
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[len(whole) // 3] ^= 1
    path.write_bytes(broken)
    with pytest.raises(Exception) as caught:
        filled.vault.switch_class(filled.subject(1), "escrowed", grant=filled.grant())
    assert getattr(caught.value, "code", "") in ("vault.damaged-file", "vault.not-authentic")
    path.write_bytes(whole)
    assert filled.readable() == EVERYTHING
