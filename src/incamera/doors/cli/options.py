"""Options that several commands share, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, errors too.")]
Home = Annotated[
    Path,
    typer.Option("--home", envvar="INCAMERA_HOME", help="The home: vault, ledger, keys, matters.", show_default="~/.incamera"),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File whose first line opens the local KMS; else INCAMERA_PASSPHRASE is read."),
]
KeyPassphraseFile = Annotated[
    Path | None,
    typer.Option("--key-passphrase-file", help="File whose first line opens the signing key, if it has a passphrase."),
]
Processes = Annotated[int, typer.Option("--processes", min=1, max=256, help="Worker processes.", show_default="all cores")]

DEFAULT_HOME = Path.home() / ".incamera"


def key_passphrase(file: Path | None) -> bytes | None:
    """What opens a signing key: the first line of *file*, or nothing where the key has no passphrase."""
    return file.read_text("utf-8").split("\n", 1)[0].encode() if file else None
