"""`incamera production`: check a volume, and open a sealed one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="production", help="What leaves: numbered, sealed, and checkable by anybody.", no_args_is_help=True)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="The directory of a volume.")],
    trust: Annotated[Path | None, typer.Option(help="Keys and checkpoints pinned outside of the volume.")] = None,
    checkpoint: Annotated[list[Path] | None, typer.Option(help="A checkpoint seen earlier; repeat for more.")] = None,
    rows: Annotated[Path | None, typer.Option(help="Decrypted rows of a sealed bulk lane.")] = None,
    json: options.AsJson = False,
) -> None:
    """Check a volume in numbered steps, as `incamera-verify` does. Exit 0 verified, 5 refused, 9 signer not established."""
    from incamera.clerk import history

    raise typer.Exit(history.verify_volume(path, trust, checkpoint or [], rows, as_json=json))


@app.command()
def unseal(
    sealed: Annotated[Path, typer.Argument(help="The sealed copy, VOLUME.tar.age.")],
    identity: Annotated[Path, typer.Option(help="File with an age identity, AGE-SECRET-KEY-...")],
    out: Annotated[Path, typer.Option(help="Directory to unpack into.")],
    json: options.AsJson = False,
) -> None:
    """Decrypt and unpack a sealed volume on the receiving side."""
    from incamera.clerk import history

    output.result(history.unseal(sealed, identity, out), as_json=json)


@app.command()
def overlay(
    order: Annotated[Path, typer.Argument(metavar="ORDER.toml", help="The order of the matter.")],
    delivered: Annotated[Path, typer.Argument(help="The directory of the delivered volume.")],
    bates: Annotated[list[str], typer.Option(help="Bates number to take back; repeat for more.")],
    reason: Annotated[str, typer.Option(help="Reason code, for example PII-NAME or PRIV-AC.")],
    out: Annotated[Path, typer.Option(help="Where the overlay goes.")],
    name: Annotated[str, typer.Option(help="The overlay's own volume name.")] = "VOL001-C1",
    basis: Annotated[str, typer.Option(help="Paragraph or request it rests on.")] = "",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Take delivered documents back (clawback): slip sheets and a load file, signed, and recorded in the ledger."""
    from incamera.clerk import produce

    with options.opened(home, passphrase_file) as opened:
        made = produce.take_back(opened, order, delivered, out, name=name, bates=bates, reason=reason, basis=basis)
    output.result({"overlay": str(made)}, as_json=json)
