"""`incamera init` and `incamera ingest`: a home, and what comes into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output


def register(app: typer.Typer) -> None:
    """Both at the top level of the program."""
    app.command()(init)
    app.command()(ingest)


def init(
    origin: Annotated[str, typer.Argument(help="The name of this home's ledger, for example holder.example/ledger.")],
    kms: Annotated[str, typer.Option(metavar="ADDRESS", help=options.KMS)],
    broker: Annotated[
        Path | None, typer.Option(help="Socket of the key broker, where it is to be a process of its own (`broker serve`).")
    ] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Make a home: a vault, a ledger, keys. Nothing that exists is overwritten."""
    from incamera.clerk.home import Home

    place = str(broker.absolute()) if broker else None
    with Home.create(home, origin=origin, passphrase=options.asked(passphrase_file), kms=kms, broker=place) as made:
        if made.kms.warning:
            output.err.print(made.kms.warning, style="bold yellow")
        output.result(made.public(), as_json=json)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Logs: files, directories, ZIP archives.")],
    map_: Annotated[Path | None, typer.Option("--map", help="map.toml: columns of a Parquet or JSONL table.")] = None,
    accounts: Annotated[Path | None, typer.Option(help="ACCOUNTS.jsonl: account facts that the logs lack.")] = None,
    exceptions: Annotated[Path | None, typer.Option(help="Where damaged records are listed (id, stage, code).")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Seal conversations in the vault, outside of any matter; the same input again changes nothing."""
    from incamera.clerk.collect import Sources
    from incamera.clerk.collect import ingest as take_in

    sources = Sources(conversations=tuple(paths), mapping=map_, accounts=accounts)
    with options.opened(home, passphrase_file) as opened, output.watching(quiet=json) as watch:
        output.result(take_in(opened, sources, exceptions=exceptions, watch=watch), as_json=json)
