"""The suite that every Kms must pass: binding, destruction, and errors that say what to do.

Subclass it in a test module and give the fixture `kms`:

    class TestMine(KmsSuite):
        @pytest.fixture
        def kms(self): return MyKms(...)
"""

from __future__ import annotations

from typing import Any

import pytest

from incamera.core.errors import Unavailable, Unverified

CONTEXT = {"use": "test", "tenant": "00" * 16, "epoch": "1"}
KEY = bytes(range(32))


class KmsSuite:
    """Tests against the port `incamera.vault.kms.Kms`."""

    @pytest.fixture
    def kms(self) -> Any:
        raise NotImplementedError

    def test_a_key_comes_back_under_the_same_context(self, kms: Any) -> None:
        epoch = kms.new_epoch()
        blob = kms.wrap(epoch, KEY, CONTEXT)
        assert KEY not in blob
        assert kms.unwrap(epoch, blob, CONTEXT) == KEY

    @pytest.mark.parametrize("name", sorted(CONTEXT))
    def test_another_context_is_refused(self, kms: Any, name: str) -> None:
        epoch = kms.new_epoch()
        blob = kms.wrap(epoch, KEY, CONTEXT)
        with pytest.raises(Unverified):
            kms.unwrap(epoch, blob, CONTEXT | {name: "other"})

    def test_an_altered_blob_is_refused(self, kms: Any) -> None:
        epoch = kms.new_epoch()
        blob = bytearray(kms.wrap(epoch, KEY, CONTEXT))
        blob[-1] ^= 1
        with pytest.raises(Unverified):
            kms.unwrap(epoch, bytes(blob), CONTEXT)

    def test_another_epochs_root_does_not_open_it(self, kms: Any) -> None:
        first, second = kms.new_epoch(), kms.new_epoch()
        assert first != second
        blob = kms.wrap(first, KEY, CONTEXT)
        with pytest.raises((Unverified, Unavailable)):
            kms.unwrap(second, blob, CONTEXT)

    def test_a_destroyed_epoch_opens_nothing_and_says_so(self, kms: Any) -> None:
        epoch, other = kms.new_epoch(), kms.new_epoch()
        blob, kept = kms.wrap(epoch, KEY, CONTEXT), kms.wrap(other, KEY, CONTEXT)
        kms.destroy(epoch)
        kms.destroy(epoch)  # twice is once
        with pytest.raises(Unavailable) as caught:
            kms.unwrap(epoch, blob, CONTEXT)
        assert caught.value.code == "vault.epoch-destroyed"
        assert kms.unwrap(other, kept, CONTEXT) == KEY

    def test_an_epoch_it_never_made_is_refused(self, kms: Any) -> None:
        with pytest.raises(Unavailable) as caught:
            kms.unwrap(self.foreign_epoch(kms), b"\0" * 60, CONTEXT)
        assert caught.value.code == "vault.epoch-unknown"

    def foreign_epoch(self, kms: Any) -> str:
        """An epoch id of the right form that this KMS does not have."""
        return "f" * 32

    def test_its_repr_shows_no_secret(self, kms: Any) -> None:
        assert "pass" not in repr(kms).lower()
        assert len(repr(kms)) < 200
