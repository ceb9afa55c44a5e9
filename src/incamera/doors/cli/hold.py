"""`incamera hold`: legal holds over what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="hold", help="Legal holds over what is stored.", no_args_is_help=True)


@app.command()
def place(
    order: Annotated[Path, typer.Argument(metavar="ORDER.toml", help="The order whose hold is placed.")],
    accounts: Annotated[Path | None, typer.Option(help="ACCOUNTS.jsonl, where the hold names accounts or domains.")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Open the order's matter and hold everything stored that its rule names. Run again, it covers what came in since."""
    from incamera.clerk import holding

    with options.opened(home, passphrase_file) as opened, output.watching(quiet=json) as watch:
        output.result(holding.place(opened, order, accounts, watch=watch), as_json=json)


@app.command()
def release(
    hold: Annotated[str, typer.Argument(help="The hold's id, from `hold list`.")],
    authority: Annotated[Path, typer.Option(help="The document that ends it; its digest is recorded.")],
    yes: options.Yes = False,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """End a hold, and run the shreds that waited for it. A released hold is not revived."""
    from incamera.clerk import holding

    with options.opened(home, passphrase_file) as opened:
        done = holding.release(opened, hold, authority, actor=actor, carry_out=yes)
        if not yes:
            output.err.print("Nothing was done. Add --yes to carry it out.", style="bold yellow")
        output.result(done, as_json=json)


@app.command("list")
def list_(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Every hold, placed or released."""
    with options.opened(home, passphrase_file) as opened:
        output.rows(opened.holds(), as_json=json)
