"""Key files of people."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from incamera.core.crypto import public_text
from incamera.core.errors import Error, Malformed, Refused, Unavailable
from incamera.governance.keys import keygen, load_private


def code(caught: pytest.ExceptionInfo[Error]) -> str:
    return caught.value.code


def test_a_key_file_round_trips_and_is_private(tmp_path: Path) -> None:
    made = keygen(tmp_path / "counsel.pem", role="counsel", name='A. "Al" Counsel')
    assert stat.S_IMODE((tmp_path / "counsel.pem").stat().st_mode) == 0o600
    assert public_text(load_private(tmp_path / "counsel.pem")) == made.public
    signer = tomllib.loads(made.trust_line())["trust"]["signers"][0]
    assert signer == {"name": 'A. "Al" Counsel', "role": "counsel", "key": made.public}
    assert "PRIVATE" not in repr(made) and "private" not in repr(made)
    assert [p.name for p in tmp_path.iterdir()] == ["counsel.pem"]


def test_a_passphrase_is_needed_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    made = keygen(path, role="privacy", name="P", passphrase=b"correct horse")
    assert b"ENCRYPTED" in path.read_bytes()
    assert public_text(load_private(path, b"correct horse")) == made.public
    for wrong in (None, b"wrong"):
        with pytest.raises(Unavailable) as caught:
            load_private(path, wrong)
        assert code(caught) == "governance.passphrase"
    keygen(tmp_path / "plain.pem", role="privacy", name="P")
    with pytest.raises(Unavailable) as caught:
        load_private(tmp_path / "plain.pem", b"any")
    assert code(caught) == "governance.passphrase"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    path.write_text("mine")
    with pytest.raises(Unavailable) as caught:
        keygen(path, role="privacy", name="P")
    assert code(caught) == "governance.exists"
    assert path.read_text() == "mine"
    with pytest.raises(Unavailable) as caught:
        keygen(tmp_path / "no/such/k.pem", role="privacy", name="P")
    assert code(caught) == "governance.unwritable"


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    keygen(path, role="privacy", name="P")
    path.chmod(0o640)
    with pytest.raises(Refused) as caught:
        load_private(path)
    assert code(caught) == "governance.exposed-key"


def test_what_is_no_key_is_named_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    other = Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (b"", b"a secret line", other):
        path.write_bytes(data)
        path.chmod(0o600)
        with pytest.raises(Malformed) as caught:
            load_private(path)
        assert code(caught) == "governance.not-a-key"
        assert "secret" not in str(caught.value)
    with pytest.raises(Unavailable):
        load_private(tmp_path / "none.pem")


@pytest.mark.parametrize(
    ("role", "name", "flaw"),
    [("king", "K", "governance.unknown-role"), ("court", " ", "governance.bad-name"), ("court", "a\nb", "governance.bad-name")],
)
def test_bad_roles_and_names(tmp_path: Path, role: str, name: str, flaw: str) -> None:
    with pytest.raises(Malformed) as caught:
        keygen(tmp_path / "k.pem", role=role, name=name)
    assert code(caught) == flaw
    assert not list(tmp_path.iterdir())
