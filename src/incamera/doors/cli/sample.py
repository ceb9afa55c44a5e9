"""`incamera sample`: seeds of the parties, and what the frame says of a conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="sample", help="A sample nobody chose and anybody can draw again.", no_args_is_help=True)

OrderFile = Annotated[Path, typer.Argument(metavar="ORDER.toml", help="The order.")]


@app.command()
def commit(
    party: Annotated[str, typer.Option(help="The party's short name, as the order will list it.")],
    out: Annotated[Path, typer.Option(help="The seed file: secret until the reveal.")],
    json: options.AsJson = False,
) -> None:
    """Make a random seed; prints the commitment for the order."""
    from incamera.clerk import sample

    output.result(sample.new_seed(out, party), as_json=json)


@app.command()
def reveal(
    order: OrderFile,
    seed: Annotated[Path, typer.Option(help="The seed file made by `sample commit`.")],
    key: Annotated[Path, typer.Option(help="The party's private key, whose public half is in the order.")],
    frame_root: Annotated[str, typer.Option(help="The committed root, as the holder's checkpointed frame states it.")],
    out: Annotated[Path, typer.Option(help="The signed reveal file, for `incamera answer --reveal`.")],
    key_passphrase_file: options.KeyPassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Sign a seed's reveal, bound to the order and the committed frame."""
    from incamera.clerk import sample

    passphrase = options.key_passphrase(key_passphrase_file)
    output.result(sample.reveal(seed, key, order, frame_root, out, passphrase), as_json=json)


@app.command()
def check(
    order: OrderFile,
    ids: Annotated[list[str] | None, typer.Argument(help="Conversation ids, as the source names them.")] = None,
    ids_file: Annotated[Path | None, typer.Option("--ids", help="A file with one id a line, besides or instead.")] = None,
    source: Annotated[str | None, typer.Option(help="Which source the ids are of, where two could have them.")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Say of each conversation: in the frame (with proof), excluded by which rule, or unknown."""
    from incamera.clerk import sample

    with options.opened(home, passphrase_file) as opened:
        output.rows(sample.check(opened, order, sample.ids_of(ids or [], ids_file), source), as_json=json)


@app.command()
def size(
    population: Annotated[int, typer.Option(min=1, help="Conversations in the frame.")],
    prevalence: Annotated[float, typer.Option(min=0, max=1, help="Expected share of hits, for example 0.0001.")],
    json: options.AsJson = False,
) -> None:
    """Precision bought against people exposed, for sample sizes up to the whole frame."""
    from incamera.clerk import sample

    output.rows(sample.sizes(population, prevalence), as_json=json)
