"""`incamera matter`: what an order says, and where its matter stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="matter", help="An order and where its matter stands.", no_args_is_help=True)

OrderFile = Annotated[Path, typer.Argument(metavar="ORDER.toml", help="The order.")]


@app.command("read")
def read_(order: OrderFile, json: options.AsJson = False) -> None:
    """Read an order strictly: its terms, the defaults it leaves open, its digests. Changes nothing."""
    from incamera.clerk import matter

    output.result(matter.read(order), as_json=json)


@app.command("open")
def open_(
    order: OrderFile,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Open the order's matter: from here on approvals by the people it names count. `answer` opens it where it may, too."""
    from incamera.clerk import matter

    with options.opened(home, passphrase_file) as opened:
        output.result(matter.open_by_hand(opened, order), as_json=json)


@app.command()
def show(
    order: OrderFile,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Which stages of the matter are finished, and what is awaited."""
    from incamera.clerk import matter

    with options.opened(home, passphrase_file) as opened:
        output.rows(matter.stages(opened, order), as_json=json)
