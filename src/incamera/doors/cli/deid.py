"""`incamera deid`: de-identification of files, without a vault."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="deid", help="De-identification that fails closed, over files.", no_args_is_help=True)

Source = Annotated[Path, typer.Argument(metavar="IN.jsonl", help="Documents or conversations, one JSON object a line; .gz too.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Where the result goes; it appears whole or not at all.")]
Recipe = Annotated[str, typer.Option(help="conservative, or utility.")]
Detectors = Annotated[
    list[str] | None,
    typer.Option("--detector", metavar="NAME[=PATH]", help="A further detector and where its files lie; may be given again."),
]
Accounts = Annotated[Path | None, typer.Option(help="ACCOUNTS.jsonl: what is known of each subject.")]


@app.command()
def find(
    source: Source,
    out: Out,
    recipe: Recipe = "conservative",
    accounts: Accounts = None,
    detector: Detectors = None,
    processes: options.Processes = os.cpu_count() or 1,
    json: options.AsJson = False,
) -> None:
    """Write what looks identifying: label, kind, score and offsets (code points, half-open)."""
    from incamera.clerk import files

    with output.watching(quiet=json) as watch:
        done = files.deid_find(
            source, out, recipe=recipe, accounts=accounts, processes=processes, watch=watch, detectors=detector or ()
        )
    output.result(done, as_json=json)


@app.command()
def compare(
    raw: Annotated[Path, typer.Argument(metavar="RAW.jsonl", help="The records before; .gz too.")],
    redacted: Annotated[Path, typer.Argument(metavar="REDACTED.jsonl", help="The same records after `deid apply`.")],
    contract: Annotated[Path | None, typer.Option(help="CONTRACT.toml: the patterns and topics to count.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Where the report goes as JSON, too.")] = None,
    json: options.AsJson = False,
) -> None:
    """Count what a utility contract names before and after, and say how far de-identification bent it."""
    from incamera.clerk import files

    with output.watching(quiet=json) as watch:
        report = files.deid_compare(raw, redacted, contract=contract, out=out, watch=watch)
    if json:
        output.result(report, as_json=True)
    else:
        output.rows(report["statistics"], as_json=False, title=f"{report['conversations']} conversations")


@app.command()
def apply(
    source: Source,
    out: Out,
    recipe: Recipe = "conservative",
    accounts: Accounts = None,
    detector: Detectors = None,
    processes: options.Processes = os.cpu_count() or 1,
    json: options.AsJson = False,
) -> None:
    """Write the same records with every finding replaced, and no string that was not treated."""
    from incamera.clerk import files

    with output.watching(quiet=json) as watch:
        done = files.deid_apply(
            source, out, recipe=recipe, accounts=accounts, processes=processes, watch=watch, detectors=detector or ()
        )
    output.result(done, as_json=json)
