"""What only the holder knows: a subject's own names, addresses and numbers, found in that subject's own text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from incamera.core.records import Account
from incamera.deid.hits import Hit
from incamera.deid.lexicons import tables as t
from incamera.deid.tokens import Tokens

_WORD = re.compile(r"[^\W_]+")
#: A name of at least this many letters is also found with one letter changed, added, dropped or two swapped.
_TYPO_LETTERS = 5


class Attributes:
    """The searchable form of one account; lives no longer than the call."""

    def __init__(self, account: Account) -> None:
        self._runs: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._words: dict[str, str] = {}
        for values, label in (
            (account.names, "PERSON"),
            (account.handles, "HANDLE"),
            (account.emails, "EMAIL"),
            (account.addresses, "ADDRESS"),
        ):
            for value in values:
                self._add(value, label)
        for email in account.emails:
            self._add(email.partition("@")[0], "EMAIL")
        self._digits = {d for p in account.phones for d in _phone_forms(p)}
        self._typo = {w for w, label in self._words.items() if label == "PERSON" and len(w) >= _TYPO_LETTERS}

    def _add(self, value: str, label: str) -> None:
        words = tuple(w.lower() for w in _WORD.findall(value))
        if not words:
            return
        self._runs.setdefault(words[0], []).append((words, label))
        if label in ("PERSON", "HANDLE"):
            for word in words:
                if len(word) > 1:
                    self._words.setdefault(word, label)

    def hits(self, tokens: Tokens) -> Iterator[Hit]:
        lows = tokens.lows
        for i, low in enumerate(lows):
            for words, label in self._runs.get(low, ()):
                n = len(words)
                if tuple(lows[i : i + n]) == words and (n > 1 or self._stands(tokens, i)):
                    yield Hit(tokens.spans[i][0], tokens.spans[i + n - 1][1], label, "direct", 0.99, "account")
            if low in self._words and self._stands(tokens, i):
                yield Hit(*tokens.spans[i], self._words[low], "direct", 0.95, "account")
            elif (
                self._typo
                and len(low) >= _TYPO_LETTERS - 1
                and not tokens.codes[i] & t.SAFE_UNCASED
                and any(_near(low, w) for w in self._typo)
            ):
                yield Hit(*tokens.spans[i], "PERSON", "direct", 0.7, "account.typo")
        if self._digits:
            for m in re.finditer(r"\+?\d(?:[ ().\-/]{0,3}\d){5,18}", tokens.text):
                if re.sub(r"\D", "", m.group()).lstrip("0") in self._digits:
                    yield Hit(m.start(), m.end(), "PHONE", "direct", 0.99, "account")

    @staticmethod
    def _stands(tokens: Tokens, i: int) -> bool:
        """A name that is a word everybody uses ("Will") counts only where it is capitalised."""
        return not tokens.codes[i] & t.FUNCTION or (tokens.words[i][0].isupper() and not tokens.opens(i))


def _phone_forms(phone: str) -> Iterator[str]:
    digits = re.sub(r"\D", "", phone).lstrip("0")
    if len(digits) >= 6:
        yield digits
        for prefix in (1, 2, 3):
            if phone.strip().startswith(("+", "00")) and len(digits) - prefix >= 6:
                yield digits[prefix:].lstrip("0")


def _near(a: str, b: str) -> bool:
    """Damerau-Levenshtein distance of exactly one or none."""
    if abs(len(a) - len(b)) > 1 or (a[0] != b[0] and a[1:] != b[1:]):
        return False
    i = 0
    while i < min(len(a), len(b)) and a[i] == b[i]:
        i += 1
    if a == b:
        return True
    if len(a) == len(b):
        return a[i + 1 :] == b[i + 1 :] or (a[i : i + 2] == b[i : i + 2][::-1] and a[i + 2 :] == b[i + 2 :])
    return a[i:] == b[i + 1 :] if len(a) < len(b) else a[i + 1 :] == b[i:]
