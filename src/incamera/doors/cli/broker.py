"""`incamera broker` and `incamera witness`: programs that run on and answer others; `incamera passphrase`: the keyring."""

from __future__ import annotations

import json as json_
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="broker", help="The key broker as a process of its own.", no_args_is_help=True)
witness = typer.Typer(name="witness", help="A witness: remembers how long others' logs were.", no_args_is_help=True)
passphrase = typer.Typer(name="passphrase", help="The KMS passphrase in the operating system's keyring.", no_args_is_help=True)


def _said(told: dict[str, Any]) -> None:
    """One line of JSON, at once: whoever started the program waits for it."""
    sys.stdout.write(json_.dumps(told, sort_keys=True) + "\n")
    sys.stdout.flush()


@app.command()
def serve(
    account: Annotated[
        list[str] | None,
        typer.Option(help="An account of this machine that may ask for keys under a grant, by name or number; repeat."),
    ] = None,
    clerk: Annotated[
        list[str] | None, typer.Option(help="An account that may also store, place holds and answer orders; repeat.")
    ] = None,
    custodian: Annotated[
        list[str] | None, typer.Option(help="An account that may do all that the broker's own may; repeat.")
    ] = None,
    socket: Annotated[Path | None, typer.Option(help="Where to listen; by default what the home names.")] = None,
    home: options.Home = options.DEFAULT_HOME,
    passphrase_file: options.PassphraseFile = None,
) -> None:
    """Open keys.db, alone, and answer for it on a socket until told to end. Prints one line of JSON when it listens."""
    from incamera.clerk import serve as serving

    with options.opened(home, passphrase_file, keys_here=True) as opened:
        serving.broker(opened, socket, account or (), clerks=clerk or (), custodians=custodian or (), ready=_said)


@witness.command()
def keygen(
    out: Annotated[Path, typer.Argument(help="Where the private keys go (mode 0600; never overwritten).")],
    name: Annotated[str, typer.Option(help="The witness's name, for example court.example/witness.")],
    json: options.AsJson = False,
) -> None:
    """Make a witness's keys; prints the public lines for the logs it will serve."""
    from incamera.clerk import attest

    output.result(attest.witness_key(out, name), as_json=json)


@witness.command("serve")
def serve_witness(
    key: Annotated[Path, typer.Option(help="The witness's private key file.")],
    log: Annotated[list[str], typer.Option(help="A key of a log it serves; repeat for more.")],
    directory: Annotated[Path, typer.Option(help="Where it remembers what it saw.")],
    host: Annotated[str, typer.Option(help="Address to listen at; put a proxy with TLS in front.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8411,
) -> None:
    """Cosign checkpoints of the named logs as long as they only grow. Prints one line of JSON when it listens."""
    from incamera.clerk import attest

    server = attest.witness_server(key, log, directory, host, port)
    _said({"url": server.url})
    try:
        server.serve_forever(poll_interval=0.2)
    finally:
        server.server_close()


@passphrase.command()
def remember(
    home: options.Home = options.DEFAULT_HOME, passphrase_file: options.PassphraseFile = None, json: options.AsJson = False
) -> None:
    """Hand the home's passphrase to the keyring, after checking that it opens the home."""
    from incamera.clerk import passphrase as kept
    from incamera.clerk.home import Home, require_passphrase

    require_passphrase(home)
    secret = kept.passphrase_from(passphrase_file)
    Home.open(home, passphrase=secret).close()
    output.result({"home": str(home), "kept_in": kept.remember(home, secret)}, as_json=json)


@passphrase.command()
def forget(home: options.Home = options.DEFAULT_HOME, json: options.AsJson = False) -> None:
    """Take the home's passphrase out of the keyring."""
    from incamera.clerk import passphrase as kept

    kept.forget(home)
    output.result({"home": str(home), "forgotten": True}, as_json=json)
