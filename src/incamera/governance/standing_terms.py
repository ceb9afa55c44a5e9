"""What is asked for where no court ordered it: written down by the holder's program, read and signed by its approvers.

An order is a paper that everybody has; this is the paper that stands in its place. It names the person by the vault's random
reference, the conversations by the root of a list, and says what will leave, in which form, and to whom.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from incamera.core.canon import canonical
from incamera.core.crypto import parse_public
from incamera.core.errors import Malformed
from incamera.core.facts import CUSTODY
from incamera.core.ids import Digest, Ref, digest
from incamera.core.records import Custody
from incamera.governance import files
from incamera.governance.identity import ACTOR
from incamera.governance.purposes import PERSONAL, STANDING, Form, Purpose
from incamera.governance.request import AccessRequest, parse_instant, subject_scope

VERSION: Final = "incamera/standing-request/1"
#: How long a request may wait for its approvals and for its use, at most.
DAYS_MAX: Final = 30


@dataclass(frozen=True, kw_only=True)
class StandingTerms:
    """One request. `actor` and `key` are the account that asks and alone may use what is granted.

    `listed` is the root of the list of conversations as the vault keeps it, `conversations` their number and the cap of the
    grant; `subject` is set where the purpose is about one person. `hours` bounds the grant, `not_after` everything.
    `document` is SHA-256 of what authorises it; `recipe` names the de-identification; `recipient` an age key to which a
    person's data is sealed, or the public key of a person who will hold their own keys; `to` the class of a switch.
    """

    id: Ref
    purpose: str
    actor: str
    key: str
    subject: Ref | None
    listed: Digest
    conversations: int
    hours: int
    asked_at: str
    not_after: str
    document: Digest
    recipe: Digest | None = None
    recipient: str | None = None
    to: Custody | None = None

    @property
    def bounds(self) -> Purpose:
        """What the purpose allows at most."""
        return STANDING[self.purpose]

    @property
    def form(self) -> Form:
        """In which form something leaves."""
        return self.bounds.form

    @property
    def matter(self) -> str:
        """Its name in the ledger, and of its working set; a stroke stands in no order's, so neither opens the other's."""
        return f"{self.purpose}/{self.id[:16]}"

    @property
    def scope(self) -> Digest:
        """Whose conversations: one person's, by their reference, or those of the list."""
        return subject_scope(self.subject) if self.purpose in PERSONAL and self.subject else self.listed

    @property
    def terms(self) -> dict[str, Any]:
        """The request as JSON values, version and form first: what an approver reads."""
        return {"v": VERSION, "form": self.form, **asdict(self)}

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 of the canonical terms: it stands where an order's digest stands."""
        return digest(canonical(self.terms))

    def json(self) -> bytes:
        """The request file."""
        return json.dumps(self.terms, indent=2).encode() + b"\n"

    def request(self, *, policy: Digest, log: str) -> AccessRequest:
        """What approvals sign: it follows from these terms, the policies and one home's log."""
        return AccessRequest(
            log=log,
            matter=self.matter,
            order=self.digest,
            order_document=self.document,
            purpose=self.purpose,
            scope=self.scope,
            max_records=self.conversations,
            policy=policy,
            not_after=self.not_after,
        )


def is_standing(data: bytes) -> bool:
    """Whether a paper is such a request, and no order: an order is TOML, which no brace begins."""
    return data.lstrip()[:1] == b"{"


def load(path: Path) -> StandingTerms:
    """Read a request file. Strict: what an approver could not judge is refused.

    Raises:
        Malformed: `access.bad-request`, naming the field. Unavailable: `governance.unreadable`.
    """
    return parse(files.read(path), where=path.name)


def parse(data: bytes, *, where: str = "") -> StandingTerms:
    """The request in a file's bytes.

    Raises:
        Malformed: `access.bad-request`.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise _bad(where, "expected one JSON object") from None
    known = {field.name for field in fields(StandingTerms)}
    if not isinstance(value, dict) or set(value) != known | {"v", "form"}:
        raise _bad(where, f"expected exactly v, form, {', '.join(sorted(known))}")
    if value.pop("v") != VERSION:
        raise _bad(where, f"expected version {VERSION}")
    form = value.pop("form")
    for name, sound in _SOUND.items():
        if not sound(value[name]):
            raise _bad(where, f"{name} is not what it should be")
    terms = StandingTerms(**value)
    check(terms, where=where)
    if form != terms.form:
        raise _bad(where, "form is not that of the purpose")
    parse_public(terms.key, where=where)
    return terms


def check(terms: StandingTerms, *, where: str = "") -> None:
    """Accept only what the purpose allows.

    Raises:
        Malformed: `access.bad-purpose`; `access.too-many`, more conversations than the purpose opens; `access.bad-hours`;
            `access.bad-request`, something is missing that goes with the purpose, or there that does not.
    """
    if terms.purpose not in STANDING:
        raise Malformed("access.bad-purpose", f"standing purposes are {', '.join(STANDING)}", where=where)
    purpose = terms.bounds
    if not 1 <= terms.conversations <= purpose.records_max:
        hint = f"{terms.purpose} opens from 1 to {purpose.records_max} conversations"
        raise Malformed("access.too-many", hint, where=where)
    if not 1 <= terms.hours <= purpose.hours_max:
        raise Malformed("access.bad-hours", f"a grant for {terms.purpose} lasts from 1 to {purpose.hours_max} hours", where=where)
    asked, ends = parse_instant(terms.asked_at), parse_instant(terms.not_after)
    if not 0 < (ends - asked).total_seconds() <= DAYS_MAX * 86400:
        raise _bad(where, f"not_after is not within {DAYS_MAX} days")
    switch = terms.purpose == "class_switch"
    wanted = {
        "subject": terms.purpose in PERSONAL,
        "recipe": purpose.form == "deidentified",
        "to": switch,
    }
    for name, needed in wanted.items():
        if (getattr(terms, name) is not None) != needed:
            raise _bad(where, f"{name} goes with some purposes and not with others")
    if terms.to == "user" and terms.recipient is None:
        raise _bad(where, "a switch to class user needs the person's public key as recipient")
    if terms.recipient is not None and not (terms.purpose == "data_subject_request" or terms.to == "user"):
        raise _bad(where, "recipient goes with a person's own data, or with a switch to class user")


def _hex(size: int) -> Any:
    return lambda value: isinstance(value, str) and len(value) == size and not set(value) - set("0123456789abcdef")


def _or_none(sound: Any) -> Any:
    return lambda value: value is None or sound(value)


def _whole(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _moment(value: object) -> bool:
    try:
        return isinstance(value, str) and isinstance(parse_instant(value), datetime)
    except ValueError:
        return False


def _line(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 4096 and value.isascii() and value.isprintable()


_SOUND: Final[dict[str, Any]] = {
    "id": _hex(32),
    "purpose": lambda value: isinstance(value, str),
    "actor": lambda value: isinstance(value, str) and ACTOR.match(value) is not None,
    "key": _line,
    "subject": _or_none(_hex(32)),
    "listed": _hex(64),
    "conversations": _whole,
    "hours": _whole,
    "asked_at": _moment,
    "not_after": _moment,
    "document": _hex(64),
    "recipe": _or_none(_hex(64)),
    "recipient": _or_none(_line),
    "to": _or_none(lambda value: value in CUSTODY),
}


def _bad(where: str, hint: str) -> Malformed:
    return Malformed("access.bad-request", hint, where=where)
