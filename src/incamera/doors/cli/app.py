"""The program `incamera`: its command groups, and the one place where an error becomes an exit code."""

from __future__ import annotations

import errno
import json
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import typer

from incamera.core.errors import EXIT_CODES, Error

_EPILOG = (
    "Exit codes: 0 done · 2 usage · 3 malformed input · 4 refused · 5 unverified · 6 budget spent · "
    "7 unavailable · 8 awaiting an approval, a reveal, a reading or trustees (run again to resume) · "
    "9 consistent, signer not established."
)


def build() -> typer.Typer:
    """The program with all its command groups."""
    from incamera.doors.cli import (
        access,
        answer,
        broker,
        client,
        deid,
        hold,
        home,
        ledger,
        matching,
        matter,
        production,
        reading,
        sample,
        vault,
    )

    app = typer.Typer(
        name="incamera",
        help="Answer a demand for private AI conversations with the least exposure and the most proof.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        epilog=_EPILOG,
    )
    answer.register(app)
    home.register(app)
    for group in (matter, access, sample, deid, reading, matching, production, vault, hold, ledger, broker, client):
        app.add_typer(group.app)
    for further in (vault.trustee, broker.witness, broker.passphrase):
        app.add_typer(further)
    return app


def main() -> NoReturn:
    """Entry point. Errors of ours print code, place and hint; unexpected ones print where, never what they hold."""
    try:
        build()()  # Typer itself ends usage errors with exit code 2
        sys.exit(EXIT_CODES["ok"])
    except Error as flaw:
        _say(flaw.family, flaw.code, flaw.where, flaw.hint)
        sys.exit(flaw.exit_code)
    except OSError as flaw:
        code = "world.disk-full" if flaw.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "world.os-error"
        _say("unavailable", code, str(flaw.filename or ""), flaw.strerror or "the operating system refused")
        sys.exit(EXIT_CODES["unavailable"])
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as flaw:  # noqa: BLE001 - the last resort: print where, never what it holds
        _unexpected(flaw)
        sys.exit(EXIT_CODES["unexpected"])


def _say(family: str, code: str, where: str, hint: str) -> None:
    if "--json" in sys.argv:
        body = {"error": {"family": family, "code": code, "where": where, "hint": hint}}
        sys.stderr.write(json.dumps(body, ensure_ascii=False) + "\n")
    else:
        place = f" at {where}" if where else ""
        sys.stderr.write(f"incamera: {family} [{code}]{place}\n  {hint}\n")


def _unexpected(flaw: BaseException) -> None:
    """A bug of ours. Its message and locals may hold text, so only its type and the places it passed are shown."""
    from incamera_verify.errors import VerificationError

    if isinstance(flaw, VerificationError):
        _say("unverified", flaw.code, flaw.where, flaw.hint)
        sys.exit(EXIT_CODES["unverified"])
    frames = traceback.extract_tb(flaw.__traceback__)
    trail = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-6:]))
    _say("unexpected", type(flaw).__name__, trail, "this is a bug; please report the line above (it holds no text)")
