"""`incamera client`: for somebody who holds their own keys. Runs where the person is, and needs no home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from incamera.doors.cli import options, output

if TYPE_CHECKING:
    from incamera.client import PersonKeys

app = typer.Typer(name="client", help="Seal conversations before they are uploaded, and open them again.", no_args_is_help=True)

Key = Annotated[Path, typer.Argument(metavar="KEYFILE", help="The person's key file, under a passphrase.")]
Envelopes = Annotated[Path, typer.Argument(metavar="ENVELOPES.jsonl", help="Sealed conversations, one a line.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Where the result goes; it appears whole or not at all.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File (or /dev/fd/N) whose first line opens the key file; else INCAMERA_PASSPHRASE."),
]


@app.command()
def keygen(key: Key, passphrase_file: PassphraseFile = None, json: options.AsJson = False) -> None:
    """Make a key file. Whoever loses it, or its passphrase, loses what was sealed to it."""
    from incamera.clerk.passphrase import passphrase_from
    from incamera.client import PersonKeys

    made = PersonKeys.create(key, passphrase_from(passphrase_file))
    output.result({"file": str(key), "public": made.public.public_bytes_raw().hex()}, as_json=json)


@app.command()
def seal(
    key: Key,
    conversations: Annotated[list[Path], typer.Argument(help="Exports or logs, in any format that `ingest` reads.")],
    out: Out,
    subject: Annotated[str, typer.Option(help="The account under which they are stored; by default each one's own.")] = "",
    passphrase_file: PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Seal conversations into an upload. Id, account, source, day, region and tier go along in the clear."""
    from incamera import client

    count = client.seal(client.read(conversations), out, keys=_keys(key, passphrase_file), subject=subject)
    output.result({"sealed": count, "file": str(out)}, as_json=json)


@app.command(name="open")
def open_(key: Key, envelopes: Envelopes, out: Out, passphrase_file: PassphraseFile = None, json: options.AsJson = False) -> None:
    """Write what envelopes hold in the clear, one conversation a line, for their owner's eyes only."""
    from incamera import client

    count = client.export(envelopes, out, keys=_keys(key, passphrase_file))
    output.result({"opened": count, "file": str(out)}, as_json=json)


@app.command()
def rotate(
    key: Key, envelopes: Envelopes, out: Out, passphrase_file: PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Add a fresh key to the file and seal the keys of envelopes to it, for the keeper to exchange. Bodies stay."""
    from incamera import client

    keys = _keys(key, passphrase_file)
    public = keys.rotate()
    count = client.rotate(envelopes, out, keys=keys)
    output.result({"rotated": count, "file": str(out), "public": public.public_bytes_raw().hex()}, as_json=json)


def _keys(path: Path, passphrase_file: Path | None) -> PersonKeys:
    from incamera.clerk.passphrase import passphrase_from
    from incamera.client import PersonKeys

    return PersonKeys.open(path, passphrase_from(passphrase_file))
