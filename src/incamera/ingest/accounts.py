"""What the holder knows of its account holders: ACCOUNTS.jsonl, and the account files inside exports.

The facts serve twice: tier, region and party mark are joined to conversations whose source lacks them, and names, addresses
and numbers are searched for in their subject's own text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from incamera.core.errors import Malformed
from incamera.core.facts import CUSTODY
from incamera.core.records import Account
from incamera.ingest.draft import label
from incamera.ingest.regions import region

_LISTS: Final = ("names", "emails", "phones", "addresses", "handles")
_KEYS: Final = frozenset({"subject", *_LISTS, "tier", "region", "party", "custody"})


class Accounts:
    """Accounts by subject. `parties` are the subjects whose conversations are a party's own (investigators, test accounts)."""

    def __init__(self, accounts: Iterable[Account] = (), *, parties: Iterable[str] = ()) -> None:
        self._by_subject: dict[str, Account] = {}
        self.parties: set[str] = set(parties)
        for account in accounts:
            self.learn(account)

    def __len__(self) -> int:
        return len(self._by_subject)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_subject.values())

    def __repr__(self) -> str:
        return f"<Accounts {len(self)}>"

    def get(self, subject: str) -> Account | None:
        """The account of *subject*, or None."""
        return self._by_subject.get(subject)

    def learn(self, account: Account) -> None:
        """Add an account, or what it adds to the one already known; a fact already known is not replaced."""
        known = self._by_subject.get(account.subject)
        if known is None:
            self._by_subject[account.subject] = account
            return
        self._by_subject[account.subject] = Account(
            subject=account.subject,
            names=_union(known.names, account.names),
            emails=_union(known.emails, account.emails),
            phones=_union(known.phones, account.phones),
            addresses=_union(known.addresses, account.addresses),
            handles=_union(known.handles, account.handles),
            tier=known.tier or account.tier,
            region=known.region or account.region,
            custody=known.custody or account.custody,
        )


def _union(known: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *new)))


def parse(record: Any, *, where: str) -> tuple[Account, bool]:
    """One line of ACCOUNTS.jsonl: the account, and whether it is a party's.

    Raises:
        Malformed: `ingest.accounts-not-a-record`, `ingest.accounts-unknown-key`, `ingest.accounts-bad-value`; each names the key.
    """
    if not isinstance(record, dict):
        raise Malformed("ingest.accounts-not-a-record", "an account is a JSON object with a subject", where=where)
    for key in record:
        if key not in _KEYS:
            raise Malformed("ingest.accounts-unknown-key", f"known keys are {', '.join(sorted(_KEYS))}", where=where)
    subject = record.get("subject")
    if not isinstance(subject, str) or not subject:
        raise Malformed("ingest.accounts-bad-value", "a subject is expected", where=f"{where}: subject")
    lists: dict[str, tuple[str, ...]] = {}
    for name in _LISTS:
        value = record.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Malformed("ingest.accounts-bad-value", "a list of strings is expected", where=f"{where}: {name}")
        lists[name] = tuple(item for item in value if item)
    tier, area = record.get("tier"), record.get("region")
    if tier is not None and label(tier) is None:
        raise Malformed("ingest.accounts-bad-value", "a tier is one word", where=f"{where}: tier")
    if area is not None and region(area) is None:
        raise Malformed("ingest.accounts-bad-value", "EEA, UK, CH, or a country is expected", where=f"{where}: region")
    if not isinstance(record.get("party", False), bool):
        raise Malformed("ingest.accounts-bad-value", "true or false is expected", where=f"{where}: party")
    custody = record.get("custody")
    if custody is not None and custody not in CUSTODY:
        raise Malformed("ingest.accounts-bad-value", f"one of {', '.join(CUSTODY)} is expected", where=f"{where}: custody")
    return Account(subject=subject, tier=tier, region=region(area), custody=custody, **lists), bool(record.get("party"))


def is_account(record: dict[str, Any]) -> bool:
    """Whether *record* has the shape of a line of ACCOUNTS.jsonl."""
    return "subject" in record and len(record) > 1 and record.keys() <= _KEYS


def of_export(record: Any) -> list[Account] | None:
    """The accounts of an export's own account file (ChatGPT `user.json`, Claude `users.json`); None if it is not one."""
    if isinstance(record, dict) and isinstance(record.get("id"), str) and isinstance(record.get("email"), str):
        return [_exported(record["id"], record, names=("name",), emails=("email",), phones=("phone_number",))]
    if isinstance(record, dict) and isinstance(record.get("uuid"), str) and "email_address" in record:
        return [
            _exported(record["uuid"], record, names=("full_name",), emails=("email_address",), phones=("verified_phone_number",))
        ]
    return None


def _exported(
    subject: str, record: dict[str, Any], *, names: tuple[str, ...], emails: tuple[str, ...], phones: tuple[str, ...]
) -> Account:
    def strings(keys: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(record[k] for k in keys if isinstance(record.get(k), str) and record[k])

    tier = "plus" if record.get("chatgpt_plus_user") is True else None
    return Account(subject=subject, names=strings(names), emails=strings(emails), phones=strings(phones), tier=tier)
