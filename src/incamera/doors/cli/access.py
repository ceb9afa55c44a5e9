"""`incamera access`: keys of people, and their approvals."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from incamera.doors.cli import options, output, signin
from incamera.doors.cli.custody import Class

accounts_ = typer.Typer(name="account", help="Officers and programs: a key and roles each.", no_args_is_help=True)
app = typer.Typer(name="access", help="Keys, approvals and grants: two people, two keys, two roles.", no_args_is_help=True)

app.add_typer(accounts_)
signin.register(app)

Account = Annotated[str, typer.Option(help="The account that acts, from `access account list`.")]
Paper = Annotated[Path, typer.Argument(metavar="ORDER.toml|REQUEST.json", help="The order, or the standing request.")]
Log = Annotated[str, typer.Option(help="The holder's log by its Ed25519 key; the holder reads it to you, from `ledger keys`.")]
Role = Annotated[str, typer.Option(help="counsel, privacy, neutral, holder, court; requester for seeds only.")]


class Asked(StrEnum):
    """Purposes that no court orders."""

    SUPPORT = "support"
    TRAINING = "training"
    ANALYTICS = "analytics"
    SAFETY_ESCALATION = "safety_escalation"
    DATA_SUBJECT_REQUEST = "data_subject_request"
    CLASS_SWITCH = "class_switch"


@app.command()
def keygen(
    out: Annotated[Path, typer.Argument(help="Where the private key goes (mode 0600; never overwritten).")],
    role: Role,
    name: Annotated[str, typer.Option(help="Who holds the key, as the order will name them.")],
    key_passphrase_file: options.KeyPassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Make a signing key for one person in one role; prints the lines for the order's trust section."""
    from incamera.clerk import access

    output.result(access.keygen(out, role=role, name=name, passphrase=options.key_passphrase(key_passphrase_file)), as_json=json)


@app.command()
def request(
    paper: Annotated[Path | None, typer.Argument(metavar="[ORDER.toml|REQUEST.json]", help="What approvers sign, shown.")] = None,
    log: Annotated[str | None, typer.Option(help="The holder's log by its Ed25519 key; goes with a paper.")] = None,
    purpose: Annotated[Asked | None, typer.Option(help="Ask for access that no court ordered; writes REQUEST.json.")] = None,
    account: Annotated[str | None, typer.Option(help="The account that asks, and alone may use what is granted.")] = None,
    key: Annotated[Path | None, typer.Option(help="The account's private key file.")] = None,
    document: Annotated[Path | None, typer.Option(help="What authorises it, in writing; its digest is recorded.")] = None,
    subject: Annotated[str | None, typer.Option(help="One person, as the source names them.")] = None,
    conversation: Annotated[list[str] | None, typer.Option(help="A conversation by its source id; repeat for more.")] = None,
    source: Annotated[str | None, typer.Option(help="The source of these ids, where two sources use one.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="So many conversations, drawn at random, of who consented.")] = None,
    to: Annotated[Class | None, typer.Option(help="For class_switch: the class in which everything is sealed anew.")] = None,
    recipient: Annotated[
        str | None,
        typer.Option(
            help="The person's age key, so that nobody here reads their data; or their public key, to be of class user."
        ),
    ] = None,
    hours: Annotated[int | None, typer.Option(min=1, help="How long the grant lasts; else what the purpose allows.")] = None,
    days: Annotated[int, typer.Option(min=1, max=30, help="How long the request may wait for approvals and use.")] = 7,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Where the request goes; never overwritten.")] = None,
    key_passphrase_file: options.KeyPassphraseFile = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Show what approvers are asked to sign; or, with --purpose, ask for access that no court ordered."""
    from incamera.clerk import access, accounts, asking

    if purpose is None:
        if paper is None or log is None:
            raise typer.BadParameter("give ORDER.toml or REQUEST.json with --log, or --purpose", param_hint="PAPER")
        output.result(access.show_request(paper, log), as_json=json)
        return
    if paper is not None:
        raise typer.BadParameter("show a paper, or ask with --purpose: not both", param_hint="--purpose")
    if account is None or key is None or document is None or out is None:
        raise typer.BadParameter("asking needs --account, --key, --document and --out", param_hint="--purpose")
    wanted = asking.Wanted(
        purpose=purpose.value,
        document=document,
        subject=subject,
        conversations=tuple(conversation or ()),
        source=source,
        sample=sample,
        to=to.value if to else None,
        recipient=recipient,
        hours=hours,
        days=days,
    )
    with options.opened(home, passphrase_file) as opened:
        officer = accounts.sign_in(opened, account, key, options.key_passphrase(key_passphrase_file))
        output.result(asking.ask(opened, officer, wanted, out=out), as_json=json)


@app.command()
def approve(
    paper: Paper,
    key: Annotated[Path, typer.Option(help="Your own private key file.")],
    log: Log,
    role: Role,
    out: Annotated[Path, typer.Option(help="Where the approval file goes.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="How long the approval lasts.")] = 30,
    key_passphrase_file: options.KeyPassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Sign an order's request, or a standing one. Two are needed, by different people in different roles."""
    from incamera.clerk import access
    from incamera.clerk.clock import SystemClock

    signed = access.sign_approval(
        paper,
        key,
        log=log,
        role=role,
        days=days,
        out=out,
        passphrase=options.key_passphrase(key_passphrase_file),
        clock=SystemClock(),
    )
    output.result(signed, as_json=json)


@app.command()
def use(
    paper: Annotated[Path, typer.Argument(metavar="REQUEST.json", help="The request, by `access request --purpose`.")],
    account: Account,
    key: Annotated[Path, typer.Option(help="The account's private key file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The one file into which anything goes (mode 0600); must not exist.")],
    approval: Annotated[list[Path] | None, typer.Option(help="A signed approval; two are needed.")] = None,
    processes: options.Processes = os.cpu_count() or 1,
    key_passphrase_file: options.KeyPassphraseFile = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Do what a standing request was granted for, once: the purpose decides what leaves. Nothing is ever printed of it.

    Stops with exit code 8 while an approval or trustees are missing; the same command goes on where it stopped.
    """
    from incamera.clerk import accounts, using

    with options.opened(home, passphrase_file) as opened, output.watching(quiet=json) as watch:
        officer = accounts.sign_in(opened, account, key, options.key_passphrase(key_passphrase_file))
        done = using.use(opened, officer, paper, approval or (), out=out, processes=processes, watch=watch)
    output.result(done, as_json=json)


@app.command()
def consent(
    subject: Annotated[str, typer.Argument(help="The person, as the source names them.")],
    purpose: Annotated[str, typer.Option(help="support, training or analytics.")],
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="The person takes consent back.")] = False,
    letter: Annotated[Path | None, typer.Option(help="What the person sent; its digest is recorded.")] = None,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Record that a person consents to one purpose, or takes it back: grants that live obey it from their next key on."""
    from incamera.clerk import consents

    with options.opened(home, passphrase_file) as opened:
        done = consents.record(opened, subject, purpose, given=not withdrawn, letter=letter, actor=actor)
        output.result(done, as_json=json)


@app.command()
def revoke(
    paper: Paper,
    reason: Annotated[str, typer.Option(help="A short code, for example `counsel-withdrew`.")],
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Void every approval signed so far for this order or request, and every grant given on them."""
    from incamera.clerk import access, accounts

    with options.opened(home, passphrase_file) as opened:
        output.result(access.revoke(opened, paper, reason=reason, actor=accounts.acting(opened)), as_json=json)


@app.command("list")
def list_(
    matter: Annotated[str | None, typer.Option(help="Only this matter.")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Requests, approvals, grants, refusals and revocations, from the ledger."""
    from incamera.clerk import access

    with options.opened(home, passphrase_file) as opened:
        output.rows(access.acts(opened, matter), as_json=json)


@app.command("break-glass")
def break_glass(
    account: Account,
    key: Annotated[Path, typer.Option(help="The officer's private key file.")],
    reason: Annotated[str, typer.Option(help="A code of the holder's own list, for example `imminent-harm`.")],
    page: Annotated[list[str], typer.Option(help="Whom to tell at once; two others at least.")],
    pager: Annotated[Path, typer.Option(help="Program that tells a person: PROGRAM PERSON, the notice on its input.")],
    out: Annotated[Path, typer.Option(help="Where the conversations go, for the officer alone (mode 0600).")],
    conversation: Annotated[list[str] | None, typer.Option(help="A conversation by its source id; repeat for more.")] = None,
    subject: Annotated[list[str] | None, typer.Option(help="A person, as the source names them; repeat for more.")] = None,
    minutes: Annotated[int, typer.Option(min=1, max=60, help="How long the grant lives.")] = 30,
    key_passphrase_file: options.KeyPassphraseFile = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Open named conversations in an emergency, without waiting for approvals. Somebody else has to review it within 72 hours."""
    from incamera.clerk import accounts, emergency

    with options.opened(home, passphrase_file) as opened:
        officer = accounts.sign_in(opened, account, key, options.key_passphrase(key_passphrase_file))
        done = emergency.break_glass(
            opened,
            officer,
            conversations=conversation or [],
            subjects=subject or [],
            minutes=minutes,
            reason=reason,
            people=page,
            pager=emergency.Program(pager),
            out=out,
        )
        output.result(done, as_json=json)


@app.command()
def review(
    entry: Annotated[int, typer.Argument(min=0, help="Ledger index of the broken glass.")],
    finding: Annotated[str, typer.Argument(help="justified or unjustified.")],
    account: Account,
    key: Annotated[Path, typer.Option(help="The reviewer's private key file.")],
    report: Annotated[Path | None, typer.Option(help="The written review; its digest is recorded.")] = None,
    key_passphrase_file: options.KeyPassphraseFile = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Judge a broken glass: another account, in the role of a reviewer."""
    from incamera.clerk import accounts, emergency

    if finding not in ("justified", "unjustified"):
        raise typer.BadParameter("justified or unjustified", param_hint="FINDING")
    with options.opened(home, passphrase_file) as opened:
        reviewer = accounts.sign_in(opened, account, key, options.key_passphrase(key_passphrase_file))
        judged: Literal["justified", "unjustified"] = "justified" if finding == "justified" else "unjustified"
        output.result(emergency.review(opened, reviewer, entry, judged, report), as_json=json)


@app.command()
def reviews(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Every broken glass that waits for its review."""
    from incamera.clerk import emergency

    with options.opened(home, passphrase_file) as opened:
        output.rows(emergency.open_reviews(opened), as_json=json)


@accounts_.command()
def add(
    account: Annotated[str, typer.Argument(help="The account's name in the ledger, a short pseudonym.")],
    key: Annotated[str, typer.Option(help="Its public key, as `access keygen` prints it.")],
    role: Annotated[list[str], typer.Option(help="One of the policies' roles, reviewer, or one that approves; repeat for more.")],
    person: Annotated[str | None, typer.Option(help="Who has to be signed in for it to act, as `access who` shows them.")] = None,
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Enter an officer or a program, or change it; recorded in the ledger, without which it counts for nothing."""
    from incamera.clerk import accounts

    with options.opened(home, passphrase_file) as opened:
        output.result(accounts.add(opened, account, key, role, actor=actor, person=person), as_json=json)


@accounts_.command()
def remove(
    account: Annotated[str, typer.Argument(help="The account's name.")],
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Take an account away."""
    from incamera.clerk import accounts

    with options.opened(home, passphrase_file) as opened:
        output.result(accounts.remove(opened, account, actor=actor), as_json=json)


@accounts_.command("list")
def list_accounts(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Every account, its roles, and whether the ledger has it in just these words."""
    from incamera.clerk import accounts

    with options.opened(home, passphrase_file) as opened:
        rows = [
            {"account": one.account.name, "roles": " ".join(one.account.roles), "key": one.account.key, "recorded": one.recorded}
            for one in accounts.listed(opened)
        ]
        output.rows(rows, as_json=json)
