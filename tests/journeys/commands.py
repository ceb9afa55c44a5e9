"""Commands as a person types them, in this process; and programs that run on, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from incamera.doors.cli import main

PASSPHRASE = "a passphrase of the custodian"
_WITHOUT_HOME = ("trustee keygen", "trustee peel", "trustee unseal", "witness keygen", "access keygen", "access approve")


@dataclass
class Said:
    """What a command ended with: exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.code == 0, self.err
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        assert self.code == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def flaw(self) -> str:
        assert self.code != 0, self.out
        return str(json.loads(self.err.splitlines()[-1])["error"]["code"])


@dataclass
class Terminal:
    """One person at one home."""

    home: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def run(self, *arguments: object, home: Path | None = None) -> Said:
        """`incamera ARGUMENTS --home HOME --json`."""
        words = [*map(str, arguments), "--json"]
        if " ".join(words[:2]) not in _WITHOUT_HOME and words[0] != "client":
            words += ["--home", str(home or self.home)]
        self.patch.setattr(sys, "argv", ["incamera", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self.capture.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)


def acts(desk: Terminal) -> list[str]:
    """What the home's ledger tells, in order."""
    return [row["act"] for row in desk.run("ledger", "show").rows]


@contextmanager
def running(arguments: Sequence[object]) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A program that runs on, and the line it prints when it is ready; ended by SIGTERM."""
    command = [sys.executable, "-c", "from incamera.doors.cli import main; main()", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=30)[1]
        yield process, json.loads(line)
    finally:
        process.terminate()
        process.wait(timeout=30)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
