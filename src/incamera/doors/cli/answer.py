"""`incamera answer` and `incamera demo`: the main job, in one command each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

Paths = list[Path]


def register(app: typer.Typer) -> None:
    """Put the two commands at the top level of the program."""
    app.command()(answer)
    app.command()(demo)


def answer(
    order: Annotated[Path, typer.Argument(metavar="ORDER.toml", help="The order, in words a program can keep.")],
    conversations: Annotated[Paths, typer.Option(help="Logs: files, directories, ZIP archives; repeat for more.")],
    works: Annotated[Paths | None, typer.Option(help="Claimed works, one JSON object a line; repeat for more.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where production/, trust.toml and exceptions.jsonl go.")] = None,
    map_: Annotated[Path | None, typer.Option("--map", help="map.toml: columns of a Parquet or JSONL table.")] = None,
    accounts: Annotated[Path | None, typer.Option(help="ACCOUNTS.jsonl: account facts that the logs lack.")] = None,
    approval: Annotated[Paths | None, typer.Option(help="A signed approval; two are needed.")] = None,
    reveal: Annotated[Paths | None, typer.Option(help="A party's signed seed reveal; repeat for each party.")] = None,
    reading: Annotated[Paths | None, typer.Option(help="A reader's signed annotation; repeat for each reader.")] = None,
    labelled: Annotated[
        Path | None, typer.Option(help="What `deid evaluate --json` said of the order's recipe, for the evidence report.")
    ] = None,
    without_party: Annotated[
        list[str] | None, typer.Option(help="Draw without this silent party, where the order's fallback allows it.")
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=PATH]", help="Where the files of a further detector lie that the order names; repeat for each."
        ),
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(help="Row ids of an earlier frame (from `sample check --json`), to recompute an answer elsewhere."),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only count and estimate; opens no sealed text, changes nothing.")] = False,
    kms: Annotated[str | None, typer.Option(help="Which key service the home uses; a local one must be said: local.")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    processes: options.Processes = os.cpu_count() or 1,
    json: options.AsJson = False,
) -> None:
    """Answer an order: collect, frame, draw, match and de-identify, measure, decide, build, seal, verify.

    Stops with exit code 8 while an approval, a reveal, a reading or the trustees are missing; the same command goes on
    where it stopped.
    """
    from incamera.clerk.collect import Sources

    sources = Sources(conversations=tuple(conversations), mapping=map_, accounts=accounts)
    if plan:
        from incamera.clerk.plan import plan as make_plan

        with output.watching(quiet=json) as watch:
            found = make_plan(order, sources, tuple(works or ()), processes=processes, watch=watch)
        output.result(found, as_json=json, title="Plan (nothing was stored or opened)")
        return
    if out is None:
        raise typer.BadParameter("give --out, or --plan", param_hint="--out")
    from incamera.clerk.answer import Request
    from incamera.clerk.answer import answer as carry_out
    from incamera.clerk.home import require_kms

    request = Request(
        order=order,
        sources=sources,
        works=tuple(works or ()),
        out=out,
        approvals=tuple(approval or ()),
        reveals=tuple(reveal or ()),
        readings=tuple(reading or ()),
        labelled=labelled,
        without=tuple(without_party or ()),
        detectors=tuple(detector or ()),
        rows=rows,
        processes=processes,
    )
    require_kms(home, kms)
    with (
        options.opened(home, passphrase_file) as opened,
        output.watching(quiet=json) as watch,
    ):
        done = carry_out(opened, request, watch=watch)
    output.result(done, as_json=json, title="Sealed and verified")


def demo(
    out: Annotated[Path, typer.Option(help="Where the demonstration goes; must not hold one yet.")] = Path("incamera-demo"),
    conversations: Annotated[int, typer.Option(min=100, max=1_000_000, help="Synthetic conversations.")] = 3000,
    seed: Annotated[int, typer.Option(help="Of the synthetic log's text; no key and no seed of a draw follows from it.")] = 1,
    processes: options.Processes = os.cpu_count() or 1,
    json: options.AsJson = False,
) -> None:
    """The whole workflow on synthetic logs: three homes, an order, a sealed and verified production."""
    from incamera.clerk.demo import demo as run

    with output.watching(quiet=json) as watch:
        shown = run(out, conversations=conversations, seed=seed, processes=processes, watch=watch)
    if json:
        output.result(shown.as_dict(), as_json=True)
    else:
        output.out.print(shown.text())
