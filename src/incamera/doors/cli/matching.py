"""`incamera matching`: text reuse over files, without a vault."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="matching", help="Every run of words that conversations share with claimed works.", no_args_is_help=True)


@app.command()
def index(
    works: Annotated[list[Path], typer.Argument(metavar="WORKS.jsonl...", help="Works, one JSON object a line; .gz too.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Directory of the index; must not hold one yet.")],
    min_words: Annotated[int, typer.Option(min=8, help="The declared threshold: shortest shared run that will be found.")] = 8,
    json: options.AsJson = False,
) -> None:
    """Index claimed works. Works that are mainly identifiers or lists are refused."""
    from incamera.clerk import files

    with output.watching(quiet=json) as watch:
        done = files.matching_index(works, out, min_words=min_words, watch=watch)
    output.result(done, as_json=json)


@app.command()
def scan(
    source: Annotated[Path, typer.Argument(metavar="CONVERSATIONS.jsonl", help="Conversations, in any format that is read.")],
    index: Annotated[Path, typer.Option(help="An index made by `incamera matching index`.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="One JSON row per maximal exact run.")],
    min_words: Annotated[int | None, typer.Option(help="Shortest run reported; at least the index's threshold.")] = None,
    json: options.AsJson = False,
) -> None:
    """Find every shared run; spans are code points of the text as received, on both sides."""
    from incamera.clerk import files

    with output.watching(quiet=json) as watch:
        done = files.matching_scan(source, index, out, min_words=min_words, watch=watch)
    output.result(done, as_json=json)
