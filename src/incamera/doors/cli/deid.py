"""`incamera deid`: de-identification of files, without a vault."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="deid", help="De-identification that fails closed, over files.", no_args_is_help=True)
certify = typer.Typer(name="certify", help="Readers over files: a random draw, and the bound it gives.", no_args_is_help=True)
app.add_typer(certify)

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
        done = files.deid(
            "find", source, out, recipe=recipe, accounts=accounts, processes=processes, watch=watch, detectors=detector or ()
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
        done = files.deid(
            "apply", source, out, recipe=recipe, accounts=accounts, processes=processes, watch=watch, detectors=detector or ()
        )
    output.result(done, as_json=json)


@app.command()
def evaluate(
    gold: Annotated[Path, typer.Argument(metavar="GOLD.jsonl", help='Labelled documents: {"id","text","spans"}; .gz too.')],
    output_: Annotated[
        Path | None, typer.Argument(metavar="[OUTPUT.jsonl]", help="What find or apply made of them; else found here.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The table as CSV.")] = None,
    recipe: Recipe = "conservative",
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of the exact intervals.")] = 0.95,
    processes: options.Processes = os.cpu_count() or 1,
    json: options.AsJson = False,
) -> None:
    """Measure on labelled text what is found and what is missed: by label, kind, language and context."""
    from incamera.clerk import evaluate as measure

    with output.watching(quiet=json) as watch:
        done = measure.evaluate(gold, output_, out, recipe=recipe, confidence=confidence, processes=processes, watch=watch)
    if json:
        output.result(done, as_json=True)
        return
    output.rows(done.pop("table"), as_json=False, title=f"Exact intervals at {confidence:g}")
    output.result(done, as_json=False)


@certify.command("draw")
def draw_(
    source: Annotated[Path, typer.Argument(metavar="IN.jsonl", help="Raw records; or, with --text redacted, their output.")],
    reader: Annotated[list[str], typer.Option(help="A reader's name; repeat for each.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Directory of the plan and of one packet a reader.")],
    text: Annotated[str, typer.Option(help="raw: blind to the output; or redacted: as it would leave.")] = "raw",
    by: Annotated[str | None, typer.Option(help="Field of a record that is its stratum, for example lang.")] = None,
    rate: Annotated[float, typer.Option(min=0, max=1, help="Largest share of leaking records that is to be shown.")] = 0.01,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of the bound.")] = 0.95,
    read: Annotated[
        int | None, typer.Option(min=1, help="Records read of each stratum.", show_default="enough if nothing is found")
    ] = None,
    twice: Annotated[float, typer.Option(min=0, max=1, help="Share that two readers read.")] = 0.1,
    json: options.AsJson = False,
) -> None:
    """Draw at random what readers read; each gets a packet and sets the marks of every row."""
    from incamera.clerk import evaluate as measure

    if text not in ("raw", "redacted"):
        raise typer.BadParameter("raw or redacted", param_hint="--text")
    done = measure.draw(source, out, who=reader, text=text, by=by, rate=rate, confidence=confidence, readings=read, twice=twice)
    output.result(done, as_json=json)


@certify.command("score")
def score_(
    draw: Annotated[Path, typer.Argument(metavar="DIR", help="The directory that `certify draw` made.")],
    packets: Annotated[list[Path] | None, typer.Argument(help="Packets with their marks set; else those in DIR.")] = None,
    against: Annotated[Path | None, typer.Option(help="What apply or find made of the raw records.")] = None,
    json: options.AsJson = False,
) -> None:
    """The bound that the readings give: at most so many of all records leak, exactly, by stratum and for the whole."""
    from incamera.clerk import evaluate as measure

    done = measure.score(draw, packets or [], against)
    if json:
        output.result(done, as_json=True)
        return
    output.rows(done.pop("table"), as_json=False, title=done.pop("bound"))
    output.result(done, as_json=False)
