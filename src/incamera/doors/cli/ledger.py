"""`incamera ledger`: the acts, their proofs, and the check of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="ledger", help="Every act, so that nobody can quietly change it.", no_args_is_help=True)


@app.command()
def show(
    matter: Annotated[str | None, typer.Option(help="Only this matter.")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """The acts in order: index, time, act, matter, actor, fields. No text stands in any."""
    from incamera.clerk import history
    from incamera.clerk.home import Home, passphrase_from

    with Home.open(home, passphrase=passphrase_from(passphrase_file)) as opened:
        output.rows(history.acts(opened, matter), as_json=json)


@app.command()
def prove(
    index: Annotated[int, typer.Argument(min=0, help="Index of the act.")],
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """The act's leaf, its inclusion path and the signed checkpoint: enough to check it elsewhere."""
    from incamera.clerk import history
    from incamera.clerk.home import Home, passphrase_from

    with Home.open(home, passphrase=passphrase_from(passphrase_file)) as opened:
        output.result(history.prove(opened, index), as_json=json)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A ledger directory.")],
    key: Annotated[list[str], typer.Option(help="The log's public key (note verifier key); repeat for more.")],
    json: options.AsJson = False,
) -> None:
    """Check a whole ledger offline: every leaf, every tile, every checkpoint. Exit code 5 names the flaw."""
    from incamera.clerk import history

    output.result(history.verify(path, key), as_json=json)
