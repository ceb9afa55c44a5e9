"""`incamera matching`: text reuse over files, without a vault."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="matching", help="Every run of words that conversations share with claimed works.", no_args_is_help=True)

Works = Annotated[list[Path], typer.Argument(metavar="WORKS.jsonl...", help="Works, one JSON object a line; .gz too.")]
Conversations = Annotated[Path, typer.Argument(metavar="CONVERSATIONS", help="Conversations, in any format that is read.")]
Index = Annotated[Path, typer.Option("--index", metavar="INDEX", help="An index made by `incamera matching index`.")]
KeyFile = Annotated[Path | None, typer.Option("--key-file", help="File of 32 bytes: the key of an encrypted index.")]
MinWords = Annotated[int | None, typer.Option(help="Shortest run reported; at least the index's threshold.")]
Background = Annotated[
    Path | None,
    typer.Option(metavar="INDEX", help="An index of texts that nobody claims, to measure commonness by; else stock phrases."),
]
Accounts = Annotated[Path | None, typer.Option(help="ACCOUNTS.jsonl: facts joined to conversations, as which are a party's own.")]


@app.command()
def index(
    works: Works,
    out: Annotated[Path, typer.Option("-o", "--out", help="Directory of the index; must not hold one yet.")],
    min_words: Annotated[int, typer.Option(min=8, help="The declared threshold: shortest shared run that will be found.")] = 8,
    key_file: KeyFile = None,
    json: options.AsJson = False,
) -> None:
    """Index claimed works. Works that are mainly identifiers or lists are refused. With a key, the works' text is sealed."""
    from incamera.clerk import reuse

    with output.watching(quiet=json) as watch:
        done = reuse.index(works, out, min_words=min_words, key_file=key_file, watch=watch)
    output.result(done, as_json=json)


@app.command()
def add(works: Works, index: Index, key_file: KeyFile = None, json: options.AsJson = False) -> None:
    """Add works to an index; those already in it are refused by id."""
    from incamera.clerk import reuse

    with output.watching(quiet=json) as watch:
        done = reuse.add(works, index, key_file=key_file, watch=watch)
    output.result(done, as_json=json)


@app.command()
def remove(
    work_ids: Annotated[list[str], typer.Argument(metavar="WORK_ID...", help="Works that are no longer claimed.")],
    index: Index,
    key_file: KeyFile = None,
    json: options.AsJson = False,
) -> None:
    """Take works out of the search at once. Their text stays in the index's files until `compact`."""
    from incamera.clerk import reuse

    output.result(reuse.remove(work_ids, index, key_file=key_file), as_json=json)


@app.command()
def compact(index: Index, key_file: KeyFile = None, json: options.AsJson = False) -> None:
    """Rewrite an index as one piece, without its removed works."""
    from incamera.clerk import reuse

    with output.watching(quiet=json) as watch:
        done = reuse.compact(index, key_file=key_file, watch=watch)
    output.result(done, as_json=json)


@app.command()
def scan(
    source: Conversations,
    index: Index,
    out: Annotated[Path, typer.Option("-o", "--out", help="One JSON row per maximal exact run.")],
    passages: Annotated[Path | None, typer.Option(help="Also write runs chained across edits, with their measures.")] = None,
    characters_150: Annotated[bool, typer.Option("--characters-150", help="Only passages of 150 copied characters.")] = False,
    near: Annotated[Path | None, typer.Option(help="Also write windows that resemble a work. Incomplete.")] = None,
    background: Background = None,
    accounts: Accounts = None,
    min_words: MinWords = None,
    key_file: KeyFile = None,
    json: options.AsJson = False,
) -> None:
    """Find every shared run; spans are code points of the text as received, on both sides. Killed, the same command goes on."""
    from incamera.clerk import reuse

    if characters_150 and passages is None:
        raise typer.BadParameter("it is about passages: say where they go with --passages", param_hint="--characters-150")
    search = reuse.Search(
        source=source, index=index, min_words=min_words, background=background, accounts=accounts, key_file=key_file
    )
    with output.watching(quiet=json) as watch:
        done = reuse.scan(search, out, passages=passages, characters_150=characters_150, near=near, watch=watch)
    output.result(done, as_json=json)


@app.command()
def report(
    source: Conversations,
    index: Index,
    out: Annotated[Path, typer.Option("-o", "--out", help="Directory of the report.")],
    recipe: Annotated[
        str, typer.Option(help="conservative, or utility: de-identifies the conversation's side.")
    ] = "conservative",
    show: Annotated[int, typer.Option(min=0, help="Conversations whose passages are shown, longest runs first.")] = 200,
    who: Annotated[Path | None, typer.Option(help="Also write which conversation each name of the report is.")] = None,
    background: Background = None,
    accounts: Accounts = None,
    key_file: KeyFile = None,
    json: options.AsJson = False,
) -> None:
    """Count hits by length, owner, month, label and commonness, with denominators; show passages side by side, de-identified."""
    from incamera.clerk import reuse, reuse_report

    search = reuse.Search(source=source, index=index, background=background, accounts=accounts, key_file=key_file)
    with output.watching(quiet=json) as watch:
        done = reuse_report.report(search, out, recipe=recipe, show=show, who=who, watch=watch)
    output.result(done, as_json=json)
