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

    with options.opened(home, passphrase_file) as opened:
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

    with options.opened(home, passphrase_file) as opened:
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


@app.command()
def keys(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """The log's public keys: receivers pin both, approvers are given the Ed25519 one."""
    from incamera.clerk import attest

    with options.opened(home, passphrase_file) as opened:
        output.rows(attest.keys(opened), as_json=json)


@app.command()
def checkpoint(
    out: Annotated[Path | None, typer.Option(help="Write the signed note there, for others to keep.")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """The latest signed checkpoint: whoever keeps it sees any later rewriting."""
    from incamera.clerk import attest

    with options.opened(home, passphrase_file) as opened:
        shown = attest.checkpoint(opened, out)
        if json:
            output.result(shown, as_json=True)
        else:
            output.out.print(shown["note"], end="")


@app.command()
def witness(
    url: Annotated[str, typer.Option(help="Where the witness answers, `.../add-checkpoint`.")],
    key: Annotated[list[str], typer.Option(help="The witness's public key; repeat for its second kind.")],
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Have a witness cosign the latest checkpoint; it remembers, so that the log cannot go back."""
    from incamera.clerk import attest

    with options.opened(home, passphrase_file) as opened:
        output.result(attest.cosign(opened, url, key), as_json=json)


@app.command()
def timestamp(
    url: Annotated[str, typer.Option(help="The authority's address (RFC 3161 over HTTP).")],
    name: Annotated[str, typer.Option(help="The authority's short name.")],
    root: Annotated[list[Path], typer.Option(help="Root certificates that are trusted to name it, PEM; repeat for more.")],
    intermediate: Annotated[list[Path] | None, typer.Option(help="Certificates between, PEM.")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Have an authority stamp the latest checkpoint: it existed at that time."""
    from incamera.clerk import attest

    with options.opened(home, passphrase_file) as opened:
        output.result(attest.stamp(opened, url, name, root, intermediate or []), as_json=json)


@app.command()
def receipt(
    index: Annotated[int, typer.Argument(min=0, help="Index of the act.")],
    out: Annotated[Path, typer.Option(help="Where the receipt goes (a .tlog-proof file).")],
    witnessed: Annotated[bool, typer.Option("--witnessed", help="Under a checkpoint that a witness cosigned.")] = False,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """One act with its proof in one file, for the person concerned: it verifies offline, without us."""
    from incamera.clerk import attest

    with options.opened(home, passphrase_file) as opened:
        output.result(attest.receipt(opened, index, out, witnessed=witnessed), as_json=json)


@app.command()
def export(
    matter: Annotated[str, typer.Argument(help="The matter's id.")],
    out: Annotated[Path, typer.Option(help="A directory that holds no bundle yet.")],
    witnessed: Annotated[bool, typer.Option("--witnessed", help="The latest state that a witness cosigned.")] = False,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Everything that shows one matter's acts to a stranger, and hashes of all others."""
    from incamera.clerk import attest

    with options.opened(home, passphrase_file) as opened:
        output.result(attest.export(opened, matter, out, witnessed=witnessed), as_json=json)


@app.command()
def fsck(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended; what is cut off is kept, and told.")] = False,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Every flaw of the home's own ledger, exit code 5 if there is any. A torn end after a crash is none."""
    from incamera.clerk import attest

    with options.opened(home, passphrase_file, keys_here=repair) as opened:
        found = attest.repair(opened) if repair else attest.health(opened)
        output.result(found, as_json=json)
        if found["flaws"]:
            raise typer.Exit(5)
