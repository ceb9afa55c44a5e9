"""The people of a holder's house at its terminals: who asks, who approves, and the papers between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands import PASSPHRASE, Terminal

from incamera.clerk import consents
from incamera.clerk.home import Home
from incamera.governance.terms import APPROVING_ROLES


@dataclass
class House:
    """Accounts by name and role, and the request that was made last."""

    desk: Terminal
    path: Path
    roles: Mapping[str, str]
    log_key: str
    papers: int = 0

    @classmethod
    def furnished(cls, desk: Terminal, path: Path, roles: Mapping[str, str]) -> House:
        """A key and an account for everybody, in the ledger of the home."""
        for name, role in roles.items():
            made = ("--role", role if role in APPROVING_ROLES else "holder", "--name", name)
            key = desk.run("access", "keygen", path / f"{name}.pem", *made).json["key"]
            desk.run("access", "account", "add", name, "--key", key, "--role", role).json
        (path / "ticket.txt").write_text("A ticket, a record of processing, a letter.")
        with Home.open(desk.home, passphrase=PASSPHRASE) as home:
            return cls(desk, path, roles, home.log_key)

    def run(self, *words: object) -> Any:
        return self.desk.run(*words)

    def proof(self, name: str) -> list[object]:
        return ["--account", name, "--key", self.path / f"{name}.pem"]

    @property
    def paper(self) -> Path:
        return self.path / f"request-{self.papers}.json"

    def ask(self, by: str, purpose: str, *named: object) -> Any:
        """What the command answers; what it wrote is `paper`."""
        self.papers += 1
        given = ("--purpose", purpose, *self.proof(by), "--document", self.path / "ticket.txt", "-o", self.paper)
        return self.run("access", "request", *given, *named)

    def approvals(self, by: Sequence[str] = ("counsel", "privacy")) -> list[object]:
        """The options that give the approvals of these people for `paper`."""
        words: list[object] = []
        for name in by:
            out = self.path / f"{name}-{self.paper.stem}.approval"
            given = ("--key", self.path / f"{name}.pem", "--log", self.log_key, "--role", self.roles[name], "--out", out)
            self.run("access", "approve", self.paper, *given).json
            words += ["--approval", out]
        return words

    def use(self, by: str, out: Path, *more: object) -> Any:
        return self.run("access", "use", self.paper, *self.proof(by), "-o", out, "--processes", 1, *more)

    def consent(self, purpose: str, people: Sequence[str]) -> None:
        with Home.open(self.desk.home, passphrase=PASSPHRASE) as home:
            for person in people:
                consents.record(home, person, purpose, given=True, letter=None, actor="desk")
