"""Options that several commands share, worded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from incamera.clerk.home import Home as OpenedHome

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, errors too.")]
Home = Annotated[
    Path,
    typer.Option("--home", envvar="INCAMERA_HOME", help="The home: vault, ledger, keys, matters.", show_default="~/.incamera"),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File (or /dev/fd/N) whose first line opens the key service: the passphrase of a local one, the PIN of a hardware "
        "module; else INCAMERA_PASSPHRASE, else the keyring.",
    ),
]
KeyPassphraseFile = Annotated[
    Path | None,
    typer.Option("--key-passphrase-file", help="File whose first line opens the signing key, if it has a passphrase."),
]
Processes = Annotated[int, typer.Option("--processes", min=1, max=256, help="Worker processes.", show_default="all cores")]

Yes = Annotated[bool, typer.Option("--yes", help="Carry it out. Without it, only what would happen is shown.")]
Actor = Annotated[str, typer.Option(help="Who acts, as the ledger names them: a short pseudonym.")]

KMS = (
    "Where the keys of epochs are kept: local (a file under a passphrase), arn:aws:kms:REGION:ACCOUNT:key/*, "
    "transit:https://HOST/MOUNT (OpenBao, Vault), or a PKCS#11 URI. Never a secret: credentials come from where the "
    "service's own clients look."
)
DEFAULT_HOME = Path.home() / ".incamera"


@contextmanager
def opened(home: Path, passphrase_file: Path | None, *, keys_here: bool = False) -> Iterator[OpenedHome]:
    """The home, through the broker that it names or else with the passphrase from where it is kept, and closed again."""
    from incamera.clerk.connected import open_home

    with open_home(home, passphrase=asked(passphrase_file, home), keys_here=keys_here) as found:
        yield found


def asked(file: Path | None, home: Path | None = None) -> Callable[[], str]:
    """Whom a home asks for its passphrase or PIN, should its key service take one."""
    from incamera.clerk.passphrase import passphrase_from

    return lambda: passphrase_from(file, home)


def key_passphrase(file: Path | None) -> bytes | None:
    """What opens a signing key: the first line of *file*, or nothing where the key has no passphrase."""
    return file.read_text("utf-8").split("\n", 1)[0].encode() if file else None
