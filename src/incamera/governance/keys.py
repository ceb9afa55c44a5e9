"""Keys of people: one Ed25519 key pair a person and role, in a file that only its owner can read.

The private file is PEM (PKCS#8), encrypted if a passphrase is given; the public line is what stands in an order's `[trust]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from incamera.core.crypto import public_text
from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.governance import files
from incamera.governance.terms import ROLES


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A person's key for one role. `public` is `ed25519:` and base64; the private half never shows in a repr."""

    name: str
    role: str
    public: str
    private: Ed25519PrivateKey = field(repr=False)

    def trust_line(self) -> str:
        """The table to paste into an order's `[trust]`."""
        name = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'[[trust.signers]]\nname = "{name}"\nrole = "{self.role}"\nkey = "{self.public}"\n'


def keygen(path: Path, *, role: str, name: str, passphrase: bytes | None = None) -> SigningKey:
    """Make a key from the operating system's randomness and write its private file, mode 0600; never overwrites.

    Args:
        passphrase: Encrypts the file (PBES2 of OpenSSL); None leaves it to the file system.
    Raises:
        Malformed: `governance.unknown-role`, `governance.bad-name`.
        Unavailable: `governance.exists`, `governance.unwritable`.
    """
    if role not in ROLES:
        raise Malformed("governance.unknown-role", f"roles are {', '.join(ROLES)}")
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise Malformed("governance.bad-name", "a signer's name is one printable line of at most 100 characters")
    key = Ed25519PrivateKey.generate()
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    files.write_new(path, pem, private=True)
    return SigningKey(name=name, role=role, public=public_text(key), private=key)


def load_private(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """The private key of a file that `keygen` wrote.

    Raises:
        Unavailable: `governance.unreadable`; `governance.passphrase`, none was given or it is not the right one.
        Refused: `governance.exposed-key`, others can read the file, so the signature would not be one person's.
        Malformed: `governance.not-a-key`.
    """
    pem = files.read(path)
    if not files.is_private(path):
        raise Refused(
            "governance.exposed-key",
            "others can read this private key: chmod 600 it, and replace it if it leaked",
            where=path.name,
        )
    try:
        key = load_pem_private_key(pem, passphrase)
    except TypeError:
        hint = "the key file is encrypted: give its passphrase" if passphrase is None else "the key file is not encrypted"
        raise Unavailable("governance.passphrase", hint, where=path.name) from None
    except ValueError:
        if passphrase and b"ENCRYPTED" in pem:
            raise Unavailable("governance.passphrase", "the passphrase does not open the key file", where=path.name) from None
        raise _not_a_key(path) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _not_a_key(path)
    return key


def _not_a_key(path: Path) -> Malformed:
    return Malformed("governance.not-a-key", "expected an Ed25519 private key as PEM (PKCS#8)", where=path.name)
