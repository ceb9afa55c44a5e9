"""Grants as a home issues them, for tests that need one without an order and two approvers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from incamera.core.crypto import grant_tag
from incamera.core.ids import digest
from incamera.core.ports import Appender
from incamera.core.records import Entry, Grant


def issue(grant_key: bytes, appender: Appender, *, now: datetime, **changed: Any) -> Grant:
    """A grant for `court_order` in matter `m-1`, valid for a day, written in *appender* and tagged under *grant_key*.

    Keyword arguments replace fields of the grant **before** it is tagged: an expired grant is still a true one.
    """
    scope = digest(b"scope")
    stated: dict[str, Any] = {
        "actor": "holder",
        "matter": "m-1",
        "purpose": "court_order",
        "scope": scope,
        "max_records": 1000,
        "not_before": now - timedelta(minutes=1),
        "expires_at": now + timedelta(days=1),
        "approvals": (digest(b"approval one"), digest(b"approval two")),
    } | changed
    receipt = appender.append(
        Entry(
            act="access.granted",
            matter=stated["matter"],
            actor=stated["actor"],
            fields={
                "request": digest(b"request"),
                "purpose": stated["purpose"],
                "scope": stated["scope"],
                "max_records": stated["max_records"],
                "not_before": _time(stated["not_before"]),
                "expires_at": _time(stated["expires_at"]),
                "approvals": list(stated["approvals"]),
                **({"listed": stated["listed"]} if stated.get("listed") else {}),
            },
        )
    )
    fields: dict[str, Any] = {"receipt": receipt, "tag": ""} | stated
    grant = Grant(**fields)
    return replace(grant, tag=grant_tag(grant_key, grant))


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
