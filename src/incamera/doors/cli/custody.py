"""Commands on classes of custody: what subjects sealed, what trustees unseal, and switches from one class to another.

The holder's stand under `incamera vault`, those of a trustee, who has no home, under `incamera trustee`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

unsealing = typer.Typer(name="unseal", help="Escrowed conversations of one matter, by two trustees.", no_args_is_help=True)

Order = Annotated[Path, typer.Argument(metavar="ORDER.toml", help="The order of the matter.")]
Paper = Annotated[Path, typer.Argument(metavar="ORDER.toml|REQUEST.json", help="The order, or the standing request.")]
Request = Annotated[Path, typer.Argument(metavar="UNSEAL.json", help="What the holder asks of trustees.")]
Key = Annotated[Path, typer.Option(help="The trustee's private key file.")]
Log = Annotated[list[str], typer.Option(help="A key of the holder's log, as `ledger keys` prints it; give every one.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Where the document goes; never overwritten.")]


class Trustee(StrEnum):
    """Who has a say in unsealing."""

    COURT = "court"
    HOLDER = "holder"
    NEUTRAL = "neutral"


class Class(StrEnum):
    """Who can open a subject's conversations."""

    OPERATOR = "operator"
    ESCROWED = "escrowed"
    USER = "user"


def register(vault: typer.Typer, trustee: typer.Typer) -> None:
    """Put the commands into the groups of the vault and of trustees."""
    vault.command("put-held")(put_held)
    vault.command("answer-held")(answer_held)
    vault.command("reseal-held")(reseal_held)
    vault.command("switch-class")(switch_class)
    vault.add_typer(unsealing)
    trustee.command("peel")(peel)
    trustee.command("unseal")(unseal)


def put_held(
    uploads: Annotated[Path, typer.Argument(metavar="UPLOADS.jsonl", help="What `incamera client seal` wrote.")],
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Store conversations that their subjects sealed. Nobody here can open them; the same upload again changes nothing."""
    from incamera.clerk import held

    with options.opened(home, passphrase_file) as opened:
        output.result(held.put(opened, uploads, actor=actor), as_json=json)


def answer_held(
    order: Order,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the envelopes go; never overwritten.")],
    statement: Annotated[Path, typer.Option(help="Where the signed statement goes that no key of them is held.")],
    yes: options.Yes = False,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Answer the order for drawn conversations that their subjects hold: ciphertext, and a signed statement of no key."""
    from incamera.clerk import held

    with options.opened(home, passphrase_file) as opened:
        done = held.answer(opened, order, out=out, statement=statement, actor=actor, carry_out=yes)
        output.planned(done, as_json=json)


def reseal_held(
    rotated: Annotated[Path, typer.Argument(metavar="ROTATED.jsonl", help="What `incamera client rotate` wrote.")],
    yes: options.Yes = False,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Exchange sealed keys after a person's rotation; bodies stay. Refused under a hold, and if anything else differs."""
    from incamera.clerk import held

    with options.opened(home, passphrase_file) as opened:
        output.planned(held.reseal(opened, rotated, actor=actor, carry_out=yes), as_json=json)


def switch_class(
    paper: Annotated[Path, typer.Argument(metavar="REQUEST.json", help="By `access request --purpose class_switch`.")],
    account: Annotated[str, typer.Option(help="The account that asked.")],
    key: Annotated[Path, typer.Option(help="The account's private key file.")],
    approval: Annotated[list[Path] | None, typer.Option(help="A signed approval; two are needed.")] = None,
    yes: options.Yes = False,
    key_passphrase_file: options.KeyPassphraseFile = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Seal everything of a subject anew in another class, under a request of its own that two people approved.

    Refused while a hold covers any of it. Roll the epoch afterwards: older backups open the older rows until then.
    """
    from incamera.clerk import accounts, switching

    with options.opened(home, passphrase_file) as opened:
        officer = accounts.sign_in(opened, account, key, options.key_passphrase(key_passphrase_file))
        output.planned(switching.switch(opened, officer, paper, approval or (), carry_out=yes), as_json=json)


# --- the holder asks trustees -------------------------------------------------------------------------------------------


@unsealing.command()
def request(
    paper: Paper,
    out: Out,
    approval: Annotated[list[Path] | None, typer.Option(help="A signed approval; two are needed where no grant lives.")] = None,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Ask two trustees for the escrowed conversations of a draw, or anew for those of a standing request."""
    from incamera.clerk import unsealing

    with options.opened(home, passphrase_file) as opened:
        output.result(unsealing.request(opened, paper, approval or (), out=out, actor=actor), as_json=json)


@unsealing.command()
def admit(
    paper: Paper,
    answer: Annotated[Path, typer.Argument(metavar="ANSWER.json", help="What the second trustee wrote.")],
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Take the trustees' answer in: from here until its time is over the grant opens what they unsealed."""
    from incamera.clerk import unsealing

    with options.opened(home, passphrase_file) as opened:
        output.result(unsealing.admit(opened, paper, answer), as_json=json)


@unsealing.command()
def end(
    paper: Paper,
    yes: options.Yes = False,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Forget what was unsealed for the grant, and what was asked, before its time: nobody waits for trustees any more."""
    from incamera.clerk import unsealing

    with options.opened(home, passphrase_file) as opened:
        output.planned(unsealing.end(opened, paper, actor=actor, carry_out=yes), as_json=json)


# --- the trustees -------------------------------------------------------------------------------------------------------


def peel(
    request: Request,
    key: Key,
    outer: Annotated[Trustee, typer.Option("--as", help="Which trustee this is: of the pair the later in the alphabet.")],
    inner: Annotated[Trustee, typer.Option("--with", help="The trustee who goes on: of the pair the first in the alphabet.")],
    log: Log,
    out: Out,
    yes: options.Yes = False,
    key_passphrase_file: options.KeyPassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """First of two trustees: check what is asked against the holder's ledger; with --yes write the share for the second."""
    from incamera.clerk import unsealing
    from incamera.clerk.clock import SystemClock

    secret = options.key_passphrase(key_passphrase_file)
    done = unsealing.peel(
        request, key, outer=outer.value, inner=inner.value, log=log, secret=secret, clock=SystemClock(), out=out, carry_out=yes
    )
    output.planned(done, as_json=json)


def unseal(
    request: Request,
    share: Annotated[Path, typer.Argument(metavar="SHARE.json", help="What the first trustee wrote.")],
    key: Key,
    inner: Annotated[Trustee, typer.Option("--as", help="Which trustee this is.")],
    log: Log,
    out: Out,
    yes: options.Yes = False,
    key_passphrase_file: options.KeyPassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Second of two trustees: check what is asked; with --yes write the answer, sealed to the holder for this request."""
    from incamera.clerk import unsealing
    from incamera.clerk.clock import SystemClock

    secret = options.key_passphrase(key_passphrase_file)
    done = unsealing.unseal(
        request, share, key, inner=inner.value, log=log, secret=secret, clock=SystemClock(), out=out, carry_out=yes
    )
    output.planned(done, as_json=json)
