"""`incamera access sign-in`, `sign-out`, `who` and `access provider`: people, as the holder's identity provider knows them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

provider = typer.Typer(name="provider", help="The holder's identity provider (OpenID Connect).", no_args_is_help=True)


class By(StrEnum):
    """Where the provider meets the person."""

    DEVICE = "device"
    BROWSER = "browser"


def register(access: typer.Typer) -> None:
    """Put the commands into the group `access`."""
    access.command("sign-in")(sign_in)
    access.command("sign-out")(sign_out)
    access.command()(who)
    access.add_typer(provider)


def sign_in(
    by: Annotated[
        By | None,
        typer.Option(
            help="A code typed in on another device, or a browser on this machine.", show_default="what the provider has"
        ),
    ] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Sign in with the holder's identity provider, for some hours. What to open is shown on stderr; no password comes here."""
    from incamera.clerk import signin

    with options.opened(home, passphrase_file) as opened:
        output.result(signin.sign_in(opened, way=by.value if by else None, show=_shown), as_json=json)


def sign_out(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """End the sign-in, here and for every copy of it."""
    from incamera.clerk import signin

    with options.opened(home, passphrase_file) as opened:
        output.result(signin.sign_out(opened), as_json=json)


def who(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Who is signed in here: the person as the ledger names them, their accounts, roles and factors."""
    from incamera.clerk import signin

    with options.opened(home, passphrase_file) as opened:
        output.result(signin.who(opened), as_json=json)


@provider.command()
def name(
    file: Annotated[Path, typer.Argument(metavar="SIGN-IN.toml", help="Issuer, client, and which group has which role.")],
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Name the identity provider, or change what is said of it; recorded in the ledger. Every sign-in until then ends."""
    from incamera.clerk import signin

    with options.opened(home, passphrase_file) as opened:
        output.result(signin.name_provider(opened, file, actor=actor), as_json=json)


@provider.command()
def show(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """The identity provider of this home, as the ledger has it."""
    from incamera.clerk import signin

    with options.opened(home, passphrase_file) as opened:
        output.result(signin.show_provider(opened), as_json=json)


@provider.command()
def remove(
    actor: options.Actor = "holder",
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Do without an identity provider: every sign-in ends, and an account with a person behind it acts no more."""
    from incamera.clerk import signin

    with options.opened(home, passphrase_file) as opened:
        output.result(signin.remove_provider(opened, actor=actor), as_json=json)


def _shown(told: dict[str, str]) -> None:
    """On stderr, so that it does not stand in the result; whole, so that it can be copied."""
    output.err.print(f"Open {told['open']}", soft_wrap=True, markup=False, highlight=False)
    if "code" in told:
        output.err.print(f"and type {told['code']}", soft_wrap=True, markup=False, highlight=False)
