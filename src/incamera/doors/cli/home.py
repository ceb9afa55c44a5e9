"""`incamera init`, `ingest`, `vault`, `hold`: a home and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

vault = typer.Typer(name="vault", help="The sealed store of a home.", no_args_is_help=True)
hold = typer.Typer(name="hold", help="Legal holds over what is stored.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """`init` and `ingest` at the top level, `vault` and `hold` as groups."""
    app.command()(init)
    app.command()(ingest)
    app.add_typer(vault)
    app.add_typer(hold)


def init(
    origin: Annotated[str, typer.Argument(help="The name of this home's ledger, for example holder.example/ledger.")],
    kms: Annotated[str, typer.Option(help="Key management: local (a file under a passphrase).")],
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Make a home: a vault, a ledger, keys. Nothing that exists is overwritten."""
    from incamera.clerk.home import Home, check_kms, passphrase_from

    check_kms(kms)
    with Home.create(home, origin=origin, passphrase=passphrase_from(passphrase_file)) as made:
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
    from incamera.clerk.home import Home, passphrase_from

    sources = Sources(conversations=tuple(paths), mapping=map_, accounts=accounts)
    with (
        Home.open(home, passphrase=passphrase_from(passphrase_file)) as opened,
        output.watching(quiet=json) as watch,
    ):
        output.result(take_in(opened, sources, exceptions=exceptions, watch=watch), as_json=json)


@vault.command()
def stats(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Counts of the vault."""
    from incamera.clerk.home import Home, passphrase_from

    with Home.open(home, passphrase=passphrase_from(passphrase_file)) as opened:
        output.result(opened.stats(), as_json=json)


@vault.command()
def check(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Read every file of the vault against the root kept at its writing; opens no conversation."""
    from incamera.clerk.home import Home, passphrase_from

    with Home.open(home, passphrase=passphrase_from(passphrase_file)) as opened:
        output.result({"rows": opened.vault.check(), "damaged": 0}, as_json=json)


@hold.command("list")
def list_(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Every hold, placed or released."""
    from incamera.clerk.home import Home, passphrase_from

    with Home.open(home, passphrase=passphrase_from(passphrase_file)) as opened:
        output.rows(opened.holds(), as_json=json)
