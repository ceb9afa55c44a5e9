"""The embedded KMS: the suite of the port, and what a bad file or passphrase gets told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from incamera.core.errors import Malformed, Unavailable
from incamera.testing.kms_suite import CONTEXT, KEY, KmsSuite
from incamera.testing.vaults import CHEAP, PASSPHRASE
from incamera.vault.kms import LOCAL_WARNING, Cost, LocalKms


class TestLocalKms(KmsSuite):
    @pytest.fixture
    def kms(self, tmp_path: Path) -> Any:
        return LocalKms.create(tmp_path / "kms.json", PASSPHRASE, cost=CHEAP)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    LocalKms.create(tmp_path / "kms.json", PASSPHRASE, cost=CHEAP)
    return tmp_path / "kms.json"


def test_it_opens_again_and_only_for_the_passphrase(path: Path) -> None:
    kms = LocalKms.open(path, PASSPHRASE)
    epoch = kms.new_epoch()
    blob = kms.wrap(epoch, KEY, CONTEXT)
    assert LocalKms.open(path, PASSPHRASE).unwrap(epoch, blob, CONTEXT) == KEY
    with pytest.raises(Unavailable) as caught:
        LocalKms.open(path, PASSPHRASE + " ")
    assert caught.value.code == "vault.kms-passphrase"
    assert PASSPHRASE not in str(caught.value)


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        LocalKms.open(tmp_path / "gone.json", PASSPHRASE)
    assert caught.value.code == "vault.kms-missing"
    assert "gone.json" in str(caught.value)


def test_a_directory_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        LocalKms.open(tmp_path, PASSPHRASE)
    assert caught.value.code == "vault.unreadable"


def test_an_existing_file_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(Unavailable) as caught:
        LocalKms.create(path, "another", cost=CHEAP)
    assert caught.value.code == "vault.exists"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "flaw",
    [
        lambda d: d | {"v": "incamera/kms-local/9"},
        lambda d: {k: v for k, v in d.items() if k != "check"},
        lambda d: d | {"extra": 1},
        lambda d: d | {"kdf": d["kdf"] | {"memory_kib": 1 << 30}},
        lambda d: d | {"kdf": d["kdf"] | {"iterations": 10**9}},
        lambda d: d | {"kdf": d["kdf"] | {"salt": "not hex"}},
        lambda d: d | {"kdf": d["kdf"] | {"lanes": "4"}},
        lambda d: d | {"epochs": []},
        lambda d: [],
        lambda d: None,
    ],
)
def test_a_damaged_or_hostile_file_is_refused_before_any_work(path: Path, flaw: Any) -> None:
    path.write_text(json.dumps(flaw(json.loads(path.read_text()))))
    with pytest.raises(Malformed) as caught:
        LocalKms.open(path, PASSPHRASE)
    assert caught.value.code == "vault.kms-damaged"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(Malformed):
        LocalKms.open(path, PASSPHRASE)


def test_no_key_and_no_passphrase_stand_in_the_file(path: Path) -> None:
    kms = LocalKms.open(path, PASSPHRASE)
    kms.wrap(kms.new_epoch(), KEY, CONTEXT)
    text = path.read_text()
    assert PASSPHRASE not in text
    assert KEY.hex() not in text
    assert path.stat().st_mode & 0o077 == 0


def test_a_second_handle_sees_epochs_made_and_destroyed_by_the_first(path: Path) -> None:
    one, other = LocalKms.open(path, PASSPHRASE), LocalKms.open(path, PASSPHRASE)
    epoch = one.new_epoch()
    blob = one.wrap(epoch, KEY, CONTEXT)
    assert other.unwrap(epoch, blob, CONTEXT) == KEY
    second = other.new_epoch()
    assert epoch in json.loads(path.read_text())["epochs"], "the second handle wrote over the first one's epoch"
    assert one.unwrap(second, one.wrap(second, KEY, CONTEXT), CONTEXT) == KEY


def test_it_warns_loudly_and_defaults_are_those_of_the_rfc() -> None:
    assert LocalKms.warning == LOCAL_WARNING
    assert "passphrase" in LOCAL_WARNING
    assert Cost() == Cost(iterations=3, memory_kib=65536, lanes=4)


def test_the_default_cost_works(tmp_path: Path) -> None:
    LocalKms.create(tmp_path / "kms.json", PASSPHRASE)
    LocalKms.open(tmp_path / "kms.json", PASSPHRASE)
