"""Instants as the sources write them: epoch seconds or milliseconds, numbers in strings, ISO 8601 in many dresses."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: From here on a number counts milliseconds: as seconds it would lie past the year 5000.
_MILLISECONDS = 1e11
_NUMBER = re.compile(r"-?\d{1,16}(\.\d{1,9})?")


def instant(value: Any) -> datetime | None:
    """The UTC instant that *value* states, or None where it states none. A time without a zone is read as UTC."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, int | float):
        return _from_epoch(float(value))
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return _from_epoch(float(text))
        try:
            return _utc(datetime.fromisoformat(text.removesuffix(" UTC")))
        except (ValueError, OverflowError):
            return None
    return None


def parsed(value: Any, form: str) -> datetime | None:
    """The instant of *value* in a stated form: `epoch`, `epoch_ms`, `iso`, or a strptime pattern."""
    if form in ("iso", ""):
        return instant(value)
    if form in ("epoch", "epoch_ms"):
        try:
            return _from_epoch(float(value) / (1000 if form == "epoch_ms" else 1), guess=False)
        except (TypeError, ValueError, OverflowError):
            return None
    try:
        return _utc(datetime.strptime(str(value), form))
    except (ValueError, OverflowError):
        return None


def _from_epoch(seconds: float, *, guess: bool = True) -> datetime | None:
    if not math.isfinite(seconds):
        return None
    if guess and abs(seconds) >= _MILLISECONDS:
        seconds /= 1000
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _utc(moment: datetime) -> datetime | None:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None
