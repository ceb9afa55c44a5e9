"""`incamera vault` and `incamera trustee`: what the custodian does with the sealed store, shown first and done on `--yes`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import custody as classes
from incamera.doors.cli import options, output

app = typer.Typer(name="vault", help="The sealed store of a home, and its keys.", no_args_is_help=True)
trustee = typer.Typer(name="trustee", help="Keys by which held evidence is recovered, two of three.", no_args_is_help=True)
classes.register(app, trustee)


@app.command()
def stats(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Counts of the vault."""
    with options.opened(home, passphrase_file) as opened:
        output.result(opened.stats(), as_json=json)


@app.command()
def check(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Read every file of the vault against the root kept at its writing; opens no conversation."""
    with options.opened(home, passphrase_file) as opened:
        output.result({"rows": opened.vault.check(), "damaged": 0}, as_json=json)


@app.command()
def epochs(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Every epoch of keys: opened, closed, destroyed, and what still lies under it."""
    from incamera.clerk import custody

    with options.opened(home, passphrase_file) as opened:
        output.rows(custody.epochs(opened), as_json=json)


@app.command()
def register(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Every kind of copy made from conversations, its key, and how far a shred reaches into it."""
    from incamera.clerk import custody

    with options.opened(home, passphrase_file) as opened:
        output.rows(custody.register(opened), as_json=json)


@app.command()
def rotate(
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Open a new epoch and re-wrap every key under it. Destroys nothing, rewrites no conversation."""
    from incamera.clerk import custody

    with options.opened(home, passphrase_file) as opened:
        output.result(custody.rotate(opened, actor=actor), as_json=json)


@app.command()
def roll(
    grace_days: Annotated[int, typer.Option(min=0, max=365, help="Spare epochs that closed less than this ago.")] = 7,
    yes: options.Yes = False,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Rotate, and destroy the epochs that closed long enough ago: backups of keys.db from then open nothing any more.

    Run weekly. Back up keys.db after each roll.
    """
    from incamera.clerk import custody

    with options.opened(home, passphrase_file) as opened:
        output.planned(custody.roll(opened, grace=timedelta(days=grace_days), actor=actor, carry_out=yes), as_json=json)


@app.command()
def compact(
    yes: options.Yes = False,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Purge the rows of shredded conversations from the data files. Refused while a run works on a matter."""
    from incamera.clerk import custody

    with options.opened(home, passphrase_file) as opened:
        output.planned(custody.compact(opened, actor=actor, carry_out=yes), as_json=json)


@app.command()
def shred(
    reason: Annotated[str, typer.Option(help="A short code, for example `data-subject-request`; never a sentence.")],
    subject: Annotated[str | None, typer.Option(help="A person, as the source names them: everything of theirs.")] = None,
    conversation: Annotated[str | None, typer.Option(help="One conversation, by its source id.")] = None,
    source: Annotated[str | None, typer.Option(help="The source of that id, where two sources use it.")] = None,
    letter: Annotated[Path | None, typer.Option(help="What was asked, in writing; its digest is recorded.")] = None,
    yes: options.Yes = False,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Destroy the keys of a person or of one conversation. Under a hold the request waits, unseen, until the hold ends."""
    from incamera.clerk import erasure

    with options.opened(home, passphrase_file) as opened:
        done = erasure.shred(
            opened,
            subject=subject,
            conversation=conversation,
            source=source,
            reason=reason,
            letter=letter,
            actor=actor,
            carry_out=yes,
        )
        output.planned(done, as_json=json)


@app.command()
def rekey(
    kms: Annotated[str, typer.Option(metavar="ADDRESS", help=options.KMS)],
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option(help="What opens the new service, where it takes a passphrase or PIN; else that of the old one."),
    ] = None,
    yes: options.Yes = False,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Move to another key service: epoch keys are wrapped anew there and their old roots destroyed; no data is rewritten.

    Stop the broker first. What was cut short is finished by the same command. Back up keys.db afterwards.
    """
    from incamera.clerk import rekey as moving

    done = moving.rekey(
        home,
        kms,
        passphrase=options.asked(passphrase_file, home),
        new_passphrase=options.asked(new_passphrase_file or passphrase_file, home),
        actor=actor,
        carry_out=yes,
    )
    output.planned(done, as_json=json)


@app.command()
def recover(
    origin: Annotated[str, typer.Option(help="The name of the new ledger: not the lost one's.")],
    key: Annotated[list[str], typer.Option(help="TRUSTEE=FILE, two of them: court, holder, neutral.")],
    kms: Annotated[str, typer.Option(metavar="ADDRESS", help=options.KMS)] = "local",
    key_passphrase_file: options.KeyPassphraseFile = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Bring held evidence back after keys.db and the KMS are gone, by the keys of two trustees. Needs a new passphrase.

    Overwrites nothing: keys.db and secrets/kms.json must be gone. Ledger and matters of the lost keys are set aside.
    """
    from incamera.clerk import recovery

    pairs = [text.partition("=") for text in key]
    if not all(separator and file for _, separator, file in pairs):
        raise typer.BadParameter("expected TRUSTEE=FILE", param_hint="--key")
    done = recovery.recover(
        home,
        passphrase=options.asked(passphrase_file, home),
        kms=kms,
        origin=origin,
        keys={name: Path(file) for name, _, file in pairs},
        secret=options.key_passphrase(key_passphrase_file),
    )
    output.result(done, as_json=json)


@trustee.command()
def keygen(
    out: Annotated[Path, typer.Argument(help="Where the private key goes (mode 0600; never overwritten).")],
    key_passphrase_file: options.KeyPassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Make a trustee's key on the trustee's own machine; prints the public half for the holder."""
    from incamera.clerk import recovery

    output.result(recovery.trustee_key(out, options.key_passphrase(key_passphrase_file)), as_json=json)


@trustee.command()
def name(
    court: Annotated[str, typer.Option(help="The court's public key, 32 bytes in hex.")],
    holder: Annotated[str, typer.Option(help="The holder's officer's public key.")],
    neutral: Annotated[str, typer.Option(help="The neutral's public key.")],
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Name the three trustees, once. Holds placed from here on can be recovered by any two of them."""
    from incamera.clerk import recovery

    with options.opened(home, passphrase_file) as opened:
        output.result(recovery.name_trustees(opened, {"court": court, "holder": holder, "neutral": neutral}), as_json=json)
