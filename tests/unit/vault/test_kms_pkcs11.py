"""PKCS#11, on SoftHSM: the suite of the port, and the key that cannot leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incamera.core.errors import Unavailable
from incamera.testing import softhsm
from incamera.testing.kms_suite import CONTEXT, KEY, KmsSuite
from incamera.testing.places import Place
from incamera.vault.kms_pkcs11 import LABEL, Pkcs11Kms
from incamera.vault.store import Vault

pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is in the extra kms")
MODULE = softhsm.module()
pytestmark = pytest.mark.skipif(MODULE is None, reason="SoftHSM is not installed (Debian: softhsm2)")
PIN = "4711"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with softhsm.token(tmp_path_factory.mktemp("softhsm"), "incamera-test", PIN) as label:
        yield label


@pytest.fixture
def hsm(token: str) -> Pkcs11Kms:
    assert MODULE is not None
    return Pkcs11Kms(MODULE, token=token, pin=PIN)


class TestPkcs11Kms(KmsSuite):
    @pytest.fixture
    def kms(self, hsm: Pkcs11Kms) -> Any:
        return hsm

    def test_the_key_does_not_leave_the_module(self, kms: Any) -> None:
        epoch = kms.new_epoch()
        with kms._session() as session:
            (key,) = session.get_objects({pkcs11.Attribute.LABEL: LABEL + epoch})
            assert key[pkcs11.Attribute.SENSITIVE]
            assert not key[pkcs11.Attribute.EXTRACTABLE]
            with pytest.raises(pkcs11.exceptions.PKCS11Error):
                key[pkcs11.Attribute.VALUE]

    def test_a_vault_runs_on_it_through_a_roll(self, kms: Any, tmp_path: Path) -> None:
        place = Place.make(tmp_path)
        place.vault.close()
        home = tmp_path / "hsm"
        home.mkdir()
        place.vault = Vault.create(home, kms, appender=place.ledger, clock=place.clock, log=[place.ledger.verifier])
        place.fill(8)
        assert place.vault.roll_epoch(actor="holder").destroyed == (1,)
        assert len(place.readable()) == 8
        place.vault.close()


def test_a_token_is_found_by_its_serial_number_too(token: str) -> None:
    assert MODULE is not None
    serial = pkcs11.lib(str(MODULE)).get_token(token_label=token).serial
    epoch = Pkcs11Kms(MODULE, serial=serial, pin=PIN).new_epoch()
    blob = Pkcs11Kms(MODULE, token=token, serial=serial, pin=PIN).wrap(epoch, KEY, CONTEXT)
    assert Pkcs11Kms(MODULE, token=token, pin=PIN).unwrap(epoch, blob, CONTEXT) == KEY


def test_a_wrong_pin_is_told(token: str) -> None:
    assert MODULE is not None
    with pytest.raises(Unavailable) as caught:
        Pkcs11Kms(MODULE, token=token, pin="0000").new_epoch()
    assert caught.value.code == "vault.kms-permission"
    assert "0000" not in str(caught.value)


def test_a_missing_token_or_module_is_told(token: str, tmp_path: Path) -> None:
    assert MODULE is not None
    for module, name in ((MODULE, "another"), (tmp_path / "none.so", token)):
        with pytest.raises(Unavailable) as caught:
            Pkcs11Kms(module, token=name, pin=PIN)
        assert caught.value.code == "vault.kms-away"
