"""The hold rule."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from incamera.core.records import Account, Entry
from incamera.governance.hold import hold_rule
from incamera.ledger.entry import check


@dataclass(frozen=True)
class Facts:
    cref: str = "c"
    subject: str = "s"
    month: str | None = "2024-01"
    region: str | None = "US"
    tier: str | None = "free"
    source: str = "chatgpt"
    temporary: bool = False
    deletion_requested: bool = False
    party_account: bool = False
    outputs_missing: int = 0


ACCOUNTS = [
    Account(subject="u1", emails=("a@example.org",)),
    Account(subject="u2", emails=("b@mail.Example.org.",)),
    Account(subject="u3", emails=("c@notexample.org", "no address")),
    Account(subject="u4"),
]


def test_silence_holds_the_frame(write_order) -> None:
    rule = hold_rule(write_order(add="[frame]\nfrom='2024-01'\nexclusions=['temporary']"))
    assert rule.holds(Facts())
    assert not rule.holds(Facts(month="2023-12"))
    assert not rule.holds(Facts(temporary=True))
    assert rule.holds(Facts(temporary=True), listed={"s"})


def test_a_hold_rule_is_not_a_frame_rule(write_order) -> None:
    rule = hold_rule(write_order(add="[hold]\nscope=['temporary','tier:plus','region:EEA']\n[frame]\nexclusions=['temporary']"))
    assert rule.holds(Facts(temporary=True))
    assert rule.holds(Facts(tier="Plus"))
    assert rule.holds(Facts(region=None))
    assert not rule.holds(Facts())


def test_all_and_listed(write_order) -> None:
    assert hold_rule(write_order(add="[hold]\nscope='all'")).holds(Facts(month=None))
    rule = hold_rule(write_order(add="[hold]\nscope='listed'\naccounts=['u4']\ndomains=['Example.org']"))
    assert rule.listed_subjects(ACCOUNTS) == {"u1", "u2", "u4"}
    assert not rule.holds(Facts()) and rule.holds(Facts(subject="r1"), listed={"r1"})


def test_the_hold_names_its_terms_and_fits_the_ledger(write_order) -> None:
    one = hold_rule(write_order(add="[hold]\nscope='all'\nuntil=2027-01-01"))
    two = hold_rule(write_order(add="[hold]\nscope='all'"))
    assert one.id != two.id and one.scope != two.scope
    fields = one.entry_fields(authority="a" * 64, subjects=1, conversations=2)
    assert fields["until"] == "2027-01-01T23:59:59Z"
    check(Entry(act="hold.placed", matter="m", actor="a", fields=fields))
    check(
        Entry(act="hold.placed", matter="m", actor="a", fields=two.entry_fields(authority="a" * 64, subjects=0, conversations=0))
    )


def test_a_frame_that_changes_changes_only_holds_that_follow_it(write_order) -> None:
    scopes = [
        hold_rule(write_order(add=f"[hold]\nscope='{s}'\n[frame]\nfrom='{f}'")).scope
        for s in ("all", "frame")
        for f in ("2023-01", "2024-01")
    ]
    assert scopes[0] == scopes[1] and scopes[2] != scopes[3]


@pytest.mark.parametrize("region", ["EEA", "DE", None, "", "Bavaria", "eea"])
def test_a_region_nobody_can_place_is_treated_as_eea(write_order, region: str | None) -> None:
    rule = hold_rule(write_order(add="[hold]\nscope=['region:EEA']"))
    assert rule.holds(Facts(region=region))
    assert not any(rule.holds(Facts(region=r)) for r in ("US", "UK", "CH"))
