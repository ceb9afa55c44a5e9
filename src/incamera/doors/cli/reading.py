"""`incamera reading`: what a reader does on their own machine, between a packet and a signed annotation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incamera.doors.cli import options, output

app = typer.Typer(name="reading", help="Read a sample of what would leave, and sign what you found.", no_args_is_help=True)


@app.command("open")
def open_(
    packet: Annotated[Path, typer.Argument(metavar="PACKET.jsonl.age", help="The packet as the holder handed it over.")],
    identity: Annotated[Path, typer.Option(help="File with your age identity, AGE-SECRET-KEY-...")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the packet goes in the clear; only you may read it.")],
    json: options.AsJson = False,
) -> None:
    """Decrypt a packet; then set "marks" of every row, as its first line says."""
    from incamera.clerk import reading

    output.result(reading.open_packet(packet, identity, out), as_json=json)


@app.command()
def sign(
    packet: Annotated[Path, typer.Argument(metavar="PACKET.jsonl", help="The packet with the marks of every row set.")],
    key: Annotated[Path, typer.Option(help="Your private key, whose public half stands in the order under role reader.")],
    out: Annotated[Path, typer.Option(help="The signed annotation, for `incamera answer --reading`; it holds no text.")],
    key_passphrase_file: options.KeyPassphraseFile = None,
    json: options.AsJson = False,
) -> None:
    """Turn marks into a signed annotation: places and counts. Hand it back, and destroy the packet."""
    from incamera.clerk import reading

    output.result(reading.sign(packet, key, out, options.key_passphrase(key_passphrase_file)), as_json=json)
