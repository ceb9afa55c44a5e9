"""`incamera access`: keys of people, and their approvals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="access", help="Keys, approvals and grants: two people, two keys, two roles.", no_args_is_help=True)

OrderFile = Annotated[Path, typer.Argument(metavar="ORDER.toml", help="The order.")]
Log = Annotated[str, typer.Option(help="The holder's log by its Ed25519 key; the holder reads it to you, from `ledger keys`.")]
Role = Annotated[str, typer.Option(help="counsel, privacy, neutral, holder, court; requester for seeds only.")]


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
def request(order: OrderFile, log: Log, json: options.AsJson = False) -> None:
    """Show what an order asks approvers to sign, for the one home that is to answer it."""
    from incamera.clerk import access

    output.result(access.show_request(order, log), as_json=json)


@app.command()
def approve(
    order: OrderFile,
    key: Annotated[Path, typer.Option(help="Your own private key file.")],
    log: Log,
    role: Role,
    out: Annotated[Path, typer.Option(help="Where the approval file goes.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="How long the approval lasts.")] = 30,
    key_passphrase_file: options.KeyPassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Sign an order's request. `incamera answer` needs two, by different people in different roles."""
    from incamera.clerk import access
    from incamera.clerk.clock import SystemClock

    signed = access.sign_approval(
        order,
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
def revoke(
    order: OrderFile,
    reason: Annotated[str, typer.Option(help="A short code, for example `counsel-withdrew`.")],
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Void every approval signed so far for this order."""
    from incamera.clerk import access
    from incamera.clerk.home import Home, passphrase_from

    with Home.open(home, passphrase=passphrase_from(passphrase_file)) as opened:
        output.result(access.revoke(opened, order, reason=reason), as_json=json)


@app.command("list")
def list_(
    matter: Annotated[str | None, typer.Option(help="Only this matter.")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Requests, approvals, grants, refusals and revocations, from the ledger."""
    from incamera.clerk import access
    from incamera.clerk.home import Home, passphrase_from

    with Home.open(home, passphrase=passphrase_from(passphrase_file)) as opened:
        output.rows(access.acts(opened, matter), as_json=json)
