"""Where the passphrase comes from, and that nobody else reads it on the way."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from incamera.clerk import passphrase
from incamera.core.errors import Error, Refused, Unavailable

keyring = pytest.importorskip("keyring")


class Store(keyring.backend.KeyringBackend):
    """A keyring in memory; `locked` refuses as a desktop's does."""

    priority = 1  # type: ignore[assignment]
    name = "a keyring in memory"

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def _open(self) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("none")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(keyring.core, "_keyring_backend", made)
    monkeypatch.delenv(passphrase.VARIABLE, raising=False)
    return made


def code(call: object, *arguments: object) -> str:
    with pytest.raises(Error) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code


def test_file_then_variable_then_keyring(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code(passphrase.passphrase_from, None, tmp_path) == "home.no-passphrase"
    assert passphrase.remember(tmp_path, "from the keyring") == Store.name
    assert passphrase.passphrase_from(None, tmp_path) == "from the keyring"
    assert code(passphrase.passphrase_from, None, tmp_path / "other") == "home.no-passphrase"
    assert code(passphrase.passphrase_from, None) == "home.no-passphrase"
    monkeypatch.setenv(passphrase.VARIABLE, "from the variable")
    assert passphrase.passphrase_from(None, tmp_path) == "from the variable"
    file = tmp_path / "file"
    file.write_bytes(b"from the file\r\nand nothing else")
    file.chmod(0o600)
    assert passphrase.passphrase_from(file, tmp_path) == "from the file"


def test_one_home_is_one_name_however_its_path_is_written(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passphrase.remember(tmp_path / "home", "x")
    monkeypatch.chdir(tmp_path)
    assert passphrase.passphrase_from(None, Path("home")) == "x"
    passphrase.forget(Path("./home"))
    assert code(passphrase.forget, Path("home")) == "home.no-passphrase"


def test_a_locked_or_missing_keyring_is_said(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.locked = True
    assert code(passphrase.remember, tmp_path, "x") == "home.no-keyring"
    assert code(passphrase.forget, tmp_path) == "home.no-keyring"
    assert code(passphrase.passphrase_from, None, tmp_path) == "home.no-passphrase"
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert code(passphrase.remember, tmp_path, "x") == "home.no-keyring"
    assert code(passphrase.passphrase_from, None, tmp_path) == "home.no-passphrase"


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe\n"], ids=["empty", "empty-line", "not-utf8"])
def test_a_file_without_a_passphrase(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    file.chmod(0o600)
    with pytest.raises(Unavailable, match=r"home\.no-passphrase"):
        passphrase.passphrase_from(file)


def test_a_file_that_others_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("secret\n")
    file.chmod(0o640)
    with pytest.raises(Refused) as caught:
        passphrase.passphrase_from(file)
    assert caught.value.code == "home.exposed-passphrase" and "secret" not in str(caught.value)
    assert code(passphrase.passphrase_from, tmp_path) == "home.no-passphrase"


def test_an_open_descriptor_serves(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"through a pipe\n")
        assert passphrase.passphrase_from(Path(f"/dev/fd/{reading}")) == "through a pipe"
    finally:
        os.close(reading)
        os.close(writing)
