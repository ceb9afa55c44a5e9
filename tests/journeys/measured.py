"""A matter with readers: its order names two, and they do on their own machines what readers do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import delivered
import pytest
from parties import Matter, log
from pyrage import x25519

from incamera.clerk import access, reading
from incamera.clerk.home import Home
from incamera.core.errors import Awaiting, Unverified

PEOPLE = ("A. Reader", "B. Reader")
#: The age key of the first of them, which a test takes away.
AGE_KEY = 'name = "A. Reader"\nrole = "reader"\nage'
Marks = Callable[[Mapping[str, Any]], list[dict[str, Any]]]


class Measured(Matter):
    """A matter whose order names two readers, and what they do on their own machines."""

    def with_readers(
        self, *, rate: float = 0.5, more: str = "", people: tuple[str, ...] = ("A. Reader", "B. Reader")
    ) -> Measured:
        self.readers = {}
        signers, recipients = [], []
        for n, name in enumerate(people):
            key, identity = self.path / f"reader{n}.pem", x25519.Identity.generate()
            access.keygen(key, role="reader", name=name, passphrase=None)
            (self.path / f"reader{n}.age").write_text(f"{identity}\n")
            self.readers[access.public_of(key)] = n
            signers.append(f'[[trust.signers]]\nname = "{name}"\nrole = "reader"\nkey = "{access.public_of(key)}"')
            recipients.append(f'[[recipients.keys]]\nname = "{name}"\nrole = "reader"\nage = "{identity.to_public()}"')
        self.room = x25519.Identity.generate()
        recipients.append(f'[[recipients.keys]]\nname = "room"\nrole = "room"\nage = "{self.room.to_public()}"')
        terms = f'[deidentification]\nmax_leak_rate = {rate}\nparagraph = "5"\n{more}'
        self.more = "\n".join([terms, *recipients, *signers])
        self.write_order()
        return self

    def read(self, marks: Marks) -> tuple[Path, ...]:
        """Every reader opens the packet that is theirs, marks every row, and signs."""
        done = []
        for packet in sorted((self.out / "readings").glob("*.age")):
            for n in self.readers.values():
                try:
                    reading.open_packet(packet, self.path / f"reader{n}.age", self.path / "packet.jsonl")
                except Unverified:
                    continue
                done.append(self.sign(n, marks, self.path / f"{packet.name}.annotation"))
        return tuple(done)

    def sign(self, n: int, marks: Marks, out: Path) -> Path:
        lines = [json.loads(line) for line in (self.path / "packet.jsonl").read_text().splitlines()]
        for row in lines[1:]:
            row["marks"] = marks(row)
        log(self.path / "packet.jsonl", lines)
        reading.sign(self.path / "packet.jsonl", self.path / f"reader{n}.pem", out, None)
        return out

    def until_reading(self, home: Home) -> None:
        with pytest.raises(Awaiting, match=r"answer\.awaiting-reading"):
            self.finish(home)

    def verify(self) -> dict[str, Any]:
        delivered.verified(self.out)
        return delivered.figures(self.out) | {"labels": delivered.certificate(self.out)["labels"]}

    def withheld(self) -> list[dict[str, str]]:
        listed = delivered.table(self.out, "LOGS/withheld")
        return [line for line in listed if line["basis"] == "deidentification.max_leak_rate"]


def nothing(_: Mapping[str, Any]) -> list[dict[str, Any]]:
    return []


def says(row: Mapping[str, Any], words: str) -> bool:
    return any(words in part["text"] for part in row["parts"])


def repair(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A leak in every conversation that asks for a repair; the word stays, as everybody uses it."""
    return [{"kind": "names", "quote": "repaired"}] if says(row, "repaired") else []
