"""What the sources of a home carried, one small file a collection: rules of an order are held against all of them.

A frame is made over everything in the vault, whichever command put it there. A rule over a field that one of these
collections lacks would silently not apply to it, so what each carried is remembered beside the vault.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from incamera.clerk.desk import Desk
from incamera.clerk.home import Home, write_atomically
from incamera.core.canon import canonical
from incamera.core.errors import Malformed
from incamera.core.facts import TIERS, named_tiers
from incamera.core.ids import Digest
from incamera.governance.terms import Order
from incamera.ingest.report import FIELDS, Report

VERSION = "incamera/carried/1"
PLACE = "collections"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Per collection: source -> the facts that its conversations carried; and the tiers that mappings declared."""

    collections: tuple[Mapping[str, frozenset[str]], ...] = ()
    tiers: frozenset[str] = frozenset()

    def lacks(self, field: str) -> tuple[str, ...]:
        """Sources of which some collection carried no *field*, in the order of their names."""
        return tuple(sorted({name for one in self.collections for name, fields in one.items() if field not in fields}))

    def lacking(self) -> dict[str, list[str]]:
        """Field -> sources that lack it."""
        return {name: list(found) for name in FIELDS if (found := self.lacks(name))}


def remember(home: Home, root: Digest, report: Report, tiers: Iterable[str]) -> None:
    """Write down what the collection over inputs of that root carried. The same inputs again replace their own file."""
    if not report.conversations:
        return
    told = {"version": VERSION, "sources": report.carried(), "tiers": sorted(tiers)}
    write_atomically(home.path / PLACE / f"{root}.json", canonical(told), mode=0o600)


def read(home: Home) -> Carried:
    """What every collection of the home carried.

    Raises:
        Malformed: `home.damaged`, naming the file.
    """
    collections: list[Mapping[str, frozenset[str]]] = []
    tiers: set[str] = set()
    for path in sorted((home.path / PLACE).glob("*.json")):
        try:
            told = json.loads(path.read_bytes())
            if told["version"] != VERSION:
                raise ValueError
            collections.append({name: frozenset(fields) for name, fields in told["sources"].items()})
            tiers.update(told["tiers"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Malformed("home.damaged", f"expected {VERSION}", where=f"{PLACE}/{path.name}") from None
    return Carried(collections=tuple(collections), tiers=frozenset(tiers))


def ordered(order: Order) -> frozenset[str]:
    """Tiers that the order itself names, in its frame and in its hold."""
    rules = order.hold.scope if isinstance(order.hold.scope, tuple) else ()
    return order.frame.named_tiers | named_tiers(rules)


def tiers(desk: Desk) -> frozenset[str]:
    """The tiers that may be told apart in this matter, in lower case: in strata, in rows, and by its rules.

    Common names, those of the order, and those declared by mappings before the collection was finished; fixed from then on.
    """
    collected = desk.done("collect") or {}
    return TIERS.union(ordered(desk.order), collected.get("tiers", ()))
